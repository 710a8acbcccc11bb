"""Reading pages: with and without scripts, by mouse and by keyboard, now and at a moment."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.chromium.conftest import Live, send


@pytest.mark.parametrize("has_scripts", [True, False])
def test_the_best_offers_are_found_and_traced_to_their_row(
    chromium: Browser, live: Live, has_scripts: bool
) -> None:
    page = chromium.new_page(java_script_enabled=has_scripts)
    page.goto(live.address)
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Listings").click()
    page.get_by_label("Search", exact=True).fill("a6000")
    page.get_by_label("Score from, to").fill("0.8")
    page.get_by_role("button", name="Show", exact=True).last.click()
    expect(page).to_have_url(re.compile(r"/listings\?q=a6000&min_score=0\.8$"))
    page.get_by_role("columnheader", name="Price").get_by_role("link").click()
    expect(page).to_have_url(re.compile("sort=price_usd"))
    page.get_by_role("rowheader").first.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("RTX_A6000")
    expect(page.get_by_text("verified")).to_be_visible()
    expect(page.locator("#source + pre, section pre").last).to_contain_text("RTX_A6000,")
    page.close()


@pytest.mark.parametrize(
    ("path", "name", "sort"),
    [("/", "Offers", "-listing_count"), ("/listings", "Price", "price_usd")],
)
def test_a_table_is_sorted_on_a_phone(
    chromium: Browser, live: Live, path: str, name: str, sort: str
) -> None:
    page = chromium.new_page(viewport={"width": 390, "height": 740}, has_touch=True)
    page.goto(live.address + path)
    page.get_by_role("link", name=name, exact=True).tap()
    expect(page).to_have_url(re.compile(f"sort={sort}$"))
    page.close()


def test_the_moment_is_kept_from_page_to_page(page: Page, live: Live) -> None:
    page.goto(live.address)
    page.get_by_label("As of UTC").fill("2026-01-01T00:00:00")
    page.get_by_role("banner").get_by_role("button", name="Show").click()
    expect(page.get_by_role("status")).to_contain_text("As of 2026-01-01 00:00 UTC.")
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Listings").click()
    expect(page.get_by_text("There were no current offers.")).to_be_visible()
    page.get_by_role("link", name="Back to now").click()
    expect(page.get_by_role("table")).to_be_visible()


def test_the_pointer_reads_the_nearest_mark_of_a_chart(page: Page, live: Live) -> None:
    page.goto(live.address + live.pages["listing"])
    figure = page.locator("figure").first
    figure.locator("svg.chart").hover(position={"x": 500, "y": 60})
    expect(figure.locator("output")).to_contain_text("import")


def test_a_mark_is_reached_by_keyboard_and_leads_to_its_row(page: Page, live: Live) -> None:
    page.goto(live.address + live.pages["listing"])
    page.locator("figure a").first.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("import_id=.*#source$"))


def test_the_first_tab_stop_skips_to_the_content(page: Page, live: Live) -> None:
    page.goto(live.address)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_a_time_says_how_long_ago_it_was(page: Page, live: Live) -> None:
    page.goto(live.address)
    expect(page.locator("td time").first).to_have_attribute(
        "title", re.compile(r"ago; .* here; \d{4}-")
    )


def test_the_strip_follows_the_service_and_the_table_waits_for_the_reader(
    page: Page, empty: str, tmp_path: Path
) -> None:
    file = tmp_path / "one.csv"
    file.write_text("model,price_usd,score\nL4,2400,0.7\n")
    send(empty, file, "first")
    page.clock.install()
    page.goto(empty)
    expect(page.get_by_role("definition").first).to_have_text("1")
    expect(page.get_by_text("The data has changed")).to_be_hidden()
    file.write_text("model,price_usd,score\nL40S,7400,0.8\n")
    send(empty, file, "second")
    page.clock.run_for(11_000)
    expect(page.get_by_role("definition").first).to_have_text("2")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_text("The data has changed").get_by_role("link").click()
    expect(page.locator("tbody tr")).to_have_count(2)
