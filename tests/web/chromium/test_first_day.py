"""A new user's first day on the page, starting with an empty archive, with and without scripts."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.processes import PATIENCE_SECONDS
from tests.web.conftest import SAMPLES, mended


@pytest.fixture(params=[True, False], ids=["with scripts", "without scripts"])
def person(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[Page]:
    page = chromium.new_page(
        java_script_enabled=request.param, viewport={"width": 1280, "height": 900}
    )
    page.set_default_timeout(1000 * PATIENCE_SECONDS)
    yield page
    page.close()


def _go(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="Pages").get_by_role("link", name=name, exact=True).click()


def _await_end(page: Page) -> None:
    """Waits until the import has ended; without scripts by reloading."""
    expect(page).to_have_url(re.compile(r"/imports/[0-9a-f-]{36}$"))
    waiting = page.locator(".status.queued, .status.running")
    while waiting.count() and page.get_by_role("link", name="Reload").count():
        page.get_by_role("link", name="Reload").click()
    expect(waiting).to_have_count(0, timeout=1000 * PATIENCE_SECONDS)


def _import_the_first_file(page: Page, empty: str) -> None:
    page.goto(empty)
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Upload a first file to see the market"
    )
    page.get_by_label("A CSV file of scored offers").set_input_files(SAMPLES / "scored_sample.csv")
    page.get_by_role("button", name="Import this file").click()
    _await_end(page)
    expect(page.get_by_text("24 rows imported.")).to_be_visible()


def _find_an_offer_and_its_row(page: Page) -> None:
    _go(page, "Listings")
    page.get_by_label("Search", exact=True).fill("RTX_A6000")
    page.get_by_label("Score from, to").fill("0.8")
    page.get_by_role("button", name="Show", exact=True).last.click()
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_role("rowheader").first.get_by_role("link").click()
    expect(page.get_by_role("heading", name="Over time")).to_be_visible()
    expect(page.get_by_text("verified")).to_be_visible()
    expect(page.get_by_role("region", name="The source row").locator("pre")).to_contain_text(
        "RTX_A6000,"
    )


def _fix_a_broken_file(page: Page, folder: Path) -> None:
    _go(page, "Upload")
    page.get_by_label("CSV files of scored offers").set_input_files(SAMPLES / "broken_sample.csv")
    page.get_by_role("button", name="Import now").click()
    _await_end(page)
    expect(
        page.get_by_role("heading", name="3 errors in 20 rows; nothing was written.")
    ).to_be_visible()
    with page.expect_download() as report:
        page.get_by_role("link", name="The file to fix").click()
    fixed = folder / "fixed.csv"
    fixed.write_text(mended(report.value.path().read_text()))
    page.get_by_role("link", name="Send the fixed file").click()
    page.get_by_label("CSV files of scored offers").set_input_files(fixed)
    page.get_by_role("button", name="Import now").click()
    _await_end(page)
    expect(page.get_by_text("20 rows imported.")).to_be_visible()


def _roll_back_and_restore(page: Page) -> None:
    page.get_by_role("link", name="Roll back …").click()
    page.get_by_label("Reason (stored with the change)").fill("it was only a try")
    page.get_by_role("button", name="Roll back").click()
    expect(page.get_by_text("it was only a try")).to_be_visible()
    expect(page.locator(".standing .status")).to_have_text("rolled back")
    page.get_by_role("link", name="Restore …").click()
    page.get_by_role("button", name="Restore").click()
    expect(page.locator(".standing .status")).to_have_text("succeeded")


def _look_at_yesterday(page: Page) -> None:
    _go(page, "Market")
    yesterday = datetime.now(UTC).replace(second=30) - timedelta(days=1)
    page.get_by_label("As of UTC").fill(yesterday.strftime("%Y-%m-%dT%H:%M:%S"))
    page.get_by_role("banner").get_by_role("button", name="Show").click()
    expect(page.get_by_role("status").first).to_contain_text(
        f"As of {yesterday:%Y-%m-%d %H:%M:%S} UTC."
    )
    expect(page.get_by_text("There were no current offers.")).to_be_visible()


def test_from_the_first_file_to_yesterday(person: Page, empty: str, tmp_path: Path) -> None:
    _import_the_first_file(person, empty)
    _find_an_offer_and_its_row(person)
    _fix_a_broken_file(person, tmp_path)
    _roll_back_and_restore(person)
    _look_at_yesterday(person)


def test_a_file_is_checked_mapped_and_imported(person: Page, empty: str, tmp_path: Path) -> None:
    page = person
    file = tmp_path / "shop.csv"
    file.write_text("model,price_usd,score,Shop\nL4,2400,0.7,Acme\n")
    page.goto(f"{empty}/upload")
    page.get_by_label("CSV files of scored offers").set_input_files(file)
    page.get_by_role("button", name="Check first").click()
    _await_end(page)
    expect(page.get_by_text("1 row can be imported. Nothing was written.")).to_be_visible()
    page.get_by_label("What Shop becomes").select_option("Seller")
    page.get_by_role("button", name="Check again").click()
    _await_end(page)
    expect(page.get_by_role("row", name="Shop")).to_contain_text("Seller")
    page.get_by_role("button", name="Import 1 row").first.click()
    _await_end(page)
    expect(page.get_by_text("1 row imported.")).to_be_visible()
    page.get_by_role("link", name="Its 1 row").click()
    expect(page.get_by_role("cell", name="Acme")).to_be_visible()
