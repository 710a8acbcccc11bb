"""What scripts add to uploading and watching: progress bars, several files, dropped files, and live
figures."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.e2e.processes import data_in, get, serving, upload, working
from tests.web.chromium.conftest import Live

GOOD = "model,price_usd,score\nL4,2400,0.7\n"
OTHER_NAMES = "Card,Price,Rating\nL4,2400,0.7\n"
IMPORT_PAGE = re.compile(r"/imports/[0-9a-f-]{36}$")
DROPPED = """
    (text) => {
        const dropped = new DataTransfer();
        dropped.items.add(new File([text], "dropped.csv", { type: "text/csv" }));
        return dropped;
    }
"""


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    made = [tmp_path / name for name in ("a.csv", "b.csv", "c.csv")]
    for number, file in enumerate(made):
        file.write_text(f"model,price_usd,score\nL4,{2400 + number},0.7\n")
    return made


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[str]:
    """The address of a service without a worker."""
    with serving("--no-worker", environment=data_in(tmp_path / "data")) as api:
        yield api.address


def test_several_files_have_two_bars_each_and_lead_to_their_imports(
    page: Page, empty: str, files: list[Path]
) -> None:
    page.goto(f"{empty}/upload")
    page.get_by_label("CSV files of scored offers").set_input_files(files)
    page.get_by_label("Source").fill("daily")
    page.get_by_role("button", name="Import now").click()
    rows = page.locator("[data-file]")
    expect(rows).to_have_count(3)
    for row in rows.all():
        expect(row.locator("[data-state]")).to_contain_text("succeeded")
        expect(row.get_by_role("progressbar", name="Sent")).to_have_attribute("value", "100")
        expect(row.get_by_role("progressbar", name="Processed")).to_have_attribute("value", "100")
    found = get(empty, "/api/imports")
    assert [(one["filename"], one["source"]) for one in found] == [
        ("c.csv", "daily"), ("b.csv", "daily"), ("a.csv", "daily"),
    ]  # fmt: skip
    expect(page.get_by_label("CSV files of scored offers")).to_have_value("")
    assert page.evaluate("window.violations") == []


def test_several_files_are_all_only_checked(page: Page, empty: str, files: list[Path]) -> None:
    page.goto(f"{empty}/upload")
    page.get_by_label("CSV files of scored offers").set_input_files(files)
    page.get_by_role("button", name="Check first").click()
    told = page.locator("[data-state]", has_text="checked; nothing is imported yet")
    expect(told).to_have_count(3)
    assert [one["dry_run"] for one in get(empty, "/api/imports")] == [True] * 3
    assert get(empty, "/api/listings") == []


def test_a_refused_file_stays_chosen_and_is_sent_again_with_its_columns_named(
    page: Page, empty: str, tmp_path: Path
) -> None:
    file = tmp_path / "shop.csv"
    file.write_text(OTHER_NAMES)
    page.goto(f"{empty}/upload")
    page.get_by_label("CSV files of scored offers").set_input_files(file)
    page.get_by_role("button", name="Import now").click()
    expect(page.get_by_role("alert")).to_contain_text("shop.csv: The file can't be imported")
    assert Axe().run(page).response["violations"] == []
    page.get_by_label("Model is").select_option("Card")
    page.get_by_label("Score is").select_option("Rating")
    page.get_by_role("button", name="Import now").click()
    expect(page).to_have_url(IMPORT_PAGE)
    expect(page.get_by_text("1 row imported.")).to_be_visible()


def test_only_the_refused_of_several_files_stay_chosen(
    page: Page, empty: str, files: list[Path]
) -> None:
    files[1].write_text(OTHER_NAMES)
    page.goto(f"{empty}/upload")
    page.get_by_label("CSV files of scored offers").set_input_files(files)
    page.get_by_role("button", name="Import now").click()
    expect(page.locator("[data-state]", has_text="succeeded")).to_have_count(2)
    refused = page.locator("[data-state]", has_text="refused")
    expect(refused).to_contain_text("Send the file alone to choose its columns.")
    expect(page.get_by_role("button", name="Import now")).to_be_enabled()
    chosen = page.get_by_label("CSV files of scored offers")
    assert chosen.evaluate("field => [...field.files].map(file => file.name)") == ["b.csv"]


def test_columns_can_be_named_one_after_another(page: Page, empty: str, tmp_path: Path) -> None:
    file = tmp_path / "shop.csv"
    file.write_text("gpu_name;dollars;rank\nL4;2400;0.7\n")
    page.goto(f"{empty}/upload")
    page.get_by_label("CSV files of scored offers").set_input_files(file)
    page.get_by_role("button", name="Import now").click()
    columns = [("Model is", "gpu_name"), ("Price is", "dollars"), ("Score is", "rank")]
    for number, (label, column) in enumerate(columns):
        expect(page.locator("[data-missing] select")).to_have_count(len(columns) - number)
        for other in page.locator("[data-missing] select").all():
            other.select_option("")
        page.get_by_label(label).select_option(column)
        page.get_by_role("button", name="Import now").click()
    expect(page).to_have_url(IMPORT_PAGE)
    expect(page.get_by_text("1 row imported.")).to_be_visible()


def test_a_header_on_a_later_line_is_suggested_in_the_form(
    page: Page, empty: str, tmp_path: Path
) -> None:
    file = tmp_path / "shop.csv"
    file.write_text("Offers of today\n\nmodel,price_usd,score\nL4,2400,0.7\n")
    page.goto(f"{empty}/upload")
    page.get_by_label("CSV files of scored offers").set_input_files(file)
    page.get_by_role("button", name="Import now").click()
    expect(page.get_by_role("alert")).to_contain_text("enter 2 at “Lines before the header”")
    expect(page.get_by_label("Lines before the header")).to_have_value("2")
    page.get_by_role("button", name="Import now").click()
    expect(page.get_by_text("1 row imported.")).to_be_visible()


def test_a_lost_connection_is_told_for_what_it_is(
    page: Page, empty: str, files: list[Path]
) -> None:
    page.goto(f"{empty}/upload")
    page.route("**/upload", lambda route: route.abort())
    page.get_by_label("CSV files of scored offers").set_input_files(files[0])
    page.get_by_role("button", name="Import now").click()
    expect(page.locator("[data-state]")).to_contain_text("There was no answer.")
    expect(page.get_by_role("button", name="Import now")).to_be_enabled()


@pytest.mark.parametrize("path", ["/upload", "/", "/listings", "/status"])
def test_a_file_can_be_dropped_on_any_page(page: Page, empty: str, path: str) -> None:
    page.goto(empty + path)
    dropped = page.evaluate_handle(DROPPED, GOOD)
    page.dispatch_event("main", "dragover", {"dataTransfer": dropped})
    expect(page.locator("body")).to_have_class("dropping")
    page.dispatch_event("main", "drop", {"dataTransfer": dropped})
    expect(page.locator("body")).not_to_have_class("dropping")
    expect(page.locator("form[data-upload] input[type=file]")).to_have_value(
        re.compile("dropped.csv$")
    )
    assert Axe().run(page).response["violations"] == []
    page.get_by_role("button", name=re.compile("Import (now|this file)")).click()
    expect(page).to_have_url(IMPORT_PAGE)
    expect(page.get_by_text("1 row imported.")).to_be_visible()
    assert page.evaluate("window.violations") == []


def test_an_import_is_followed_from_the_queue_to_its_end(
    page: Page, idle: str, tmp_path: Path
) -> None:
    import_id = upload(idle, GOOD.encode())["import_id"]
    page.goto(f"{idle}/imports/{import_id}")
    expect(page.locator(".standing")).to_contain_text("No worker is running.")
    page.evaluate("window.stayed = true")
    with working(environment=data_in(tmp_path / "data")):
        expect(page.locator(".standing")).to_contain_text("1 row imported.")
        expect(page.get_by_role("heading", name="What it did")).to_be_visible()
        expect(page.get_by_role("link", name="Roll back …")).to_be_visible()
    assert page.evaluate("window.stayed") is True


def test_the_list_changes_its_rows_and_announces_new_ones(
    page: Page, idle: str, tmp_path: Path
) -> None:
    upload(idle, GOOD.encode(), "?filename=first.csv")
    page.goto(f"{idle}/imports")
    expect(page.locator("tbody .status")).to_have_text("queued")
    upload(idle, GOOD.encode(), "?filename=second.csv")
    expect(page.get_by_role("status")).to_contain_text("There is 1 new import.")
    with working(environment=data_in(tmp_path / "data")):
        expect(page.locator("tbody .status")).to_have_text("succeeded")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Show", exact=True).click()
    expect(page.locator("tbody tr")).to_have_count(2)


def test_what_a_reader_opened_stays_open(page: Page, live: Live) -> None:
    page.clock.install()
    page.goto(live.address + live.pages["failed import"])
    opened = page.locator("[data-live=errors] details")
    opened.locator("summary").click()
    page.locator("h1").click()  # a part that has the focus would not be replaced anyway
    for _ in range(2):  # the second answer comes after the first one was processed
        with page.expect_response(IMPORT_PAGE):
            page.clock.run_for(11_000)
    expect(opened).to_have_attribute("open", "")


def test_a_page_says_when_the_service_does_not_answer(page: Page, idle: str) -> None:
    import_id = upload(idle, GOOD.encode())["import_id"]
    page.goto(f"{idle}/imports/{import_id}")
    page.route("**/imports/*", lambda route: route.abort())
    expect(page.get_by_role("alert")).to_contain_text(
        re.compile(r"No answer from the service for \d+ seconds")
    )
    page.unroute("**/imports/*")
    expect(page.get_by_role("alert")).to_have_count(0)
