"""One listing: its history as a chart and as a table, and the row in the file behind each
number."""

import re
from pathlib import Path
from typing import Any

from tests.service import Service, offers
from tests.web.browsing import Browser

FIRST = offers("L4,2400,0.7,EU,Acme,2025-07-01T12:00:00Z")
SECOND = offers("A40,4000,0.5,EU,Zebra,2025-07-02", "L4,2160,0.75,EU,Acme,2025-07-02T12:00:00Z")


def _seen_twice(service: Service) -> tuple[str, str, str]:
    """The ids of a listing, and of the two imports that brought it."""
    imports = [
        service.import_csv(csv, "?source=daily&filename=day.csv")["import_id"]
        for csv in (FIRST, SECOND)
    ]
    return (service.listings("?model=L4")[0]["listing_id"], *imports)


def _rows(page: Any) -> list[list[str]]:
    return [
        [" ".join(cell.get_text(" ").split()) for cell in row.find_all(["th", "td"])]
        for row in page.tbody("tr")
    ]


def test_each_observation_says_what_changed(service: Service) -> None:
    listing_id, *_ = _seen_twice(service)
    latest, first = _rows(Browser(service).page(f"/listings/{listing_id}"))
    assert latest[:6] == ["2025-07-02 12:00", "$2,160", "−$240", "−10.0 %", "0.75", "+0.05"]
    assert first[:6] == ["2025-07-01 12:00", "$2,400", "–", "–", "0.7", "–"]


def test_the_chart_has_a_mark_for_each_import_and_a_sentence(service: Service) -> None:
    listing_id, first, second = _seen_twice(service)
    price, score = Browser(service).page(f"/listings/{listing_id}").find_all("figure")
    titles = [title.get_text() for title in price.find_all("title")]
    assert titles == [
        f"2025-07-01 12:00: $2,400, import {first[:8]}",
        f"2025-07-02 12:00: $2,160, import {second[:8]}",
    ]
    assert "between $2,160 and $2,400" in price.figcaption.get_text()
    assert score.svg["role"] == "group"
    assert score.svg["aria-label"]


def test_the_row_is_shown_as_it_was_sent_for_the_import_that_is_asked_for(service: Service) -> None:
    listing_id, first, _ = _seen_twice(service)
    browser = Browser(service)
    assert (
        "L4,2160,0.75,EU,Acme,2025-07-02T12:00:00Z"
        in browser.page(f"/listings/{listing_id}").get_text()
    )
    page = browser.page(f"/listings/{listing_id}?import_id={first}")
    assert "L4,2400,0.7,EU,Acme,2025-07-01T12:00:00Z" in page.get_text()
    assert "verified" in page.get_text()


def test_a_row_that_the_file_does_not_say_any_more_is_not_called_proved(service: Service) -> None:
    listing_id, _, second = _seen_twice(service)
    (kept,) = [
        file
        for file in Path(service.settings.uploads_dir).iterdir()
        if file.stem == second and file.suffix != ".json"
    ]
    kept.chmod(0o600)
    kept.write_bytes(SECOND.replace("2160", "1160").encode())
    text = Browser(service).page(f"/listings/{listing_id}").get_text()
    assert "verified" not in text
    assert "The kept file and the archive differ" in text


def test_an_observation_that_is_rolled_back_is_marked(service: Service) -> None:
    listing_id, _, second = _seen_twice(service)
    service.http.post(f"/api/imports/{second}/rollback", status=202)
    service.work()
    page = Browser(service).page(f"/listings/{listing_id}")
    assert "rolled back" in _rows(page)[0][6]
    assert page.find(class_="strip").dd.get_text() == "$2,400"


def test_a_listing_of_which_nothing_counts_is_shown_as_not_current(service: Service) -> None:
    listing_id, first, second = _seen_twice(service)
    for import_id in (second, first):
        service.http.post(f"/api/imports/{import_id}/rollback", status=202)
        service.work()
    assert (
        "not current"
        in Browser(service).page(f"/listings/{listing_id}").find(class_="note").get_text()
    )


def test_a_moment_hides_what_came_later(service: Service) -> None:
    listing_id, first, _ = _seen_twice(service)
    moment = service.status(first)["imported_at"]
    page = Browser(service).page(f"/listings/{listing_id}?as_of={moment}")
    assert [row[1] for row in _rows(page)] == ["$2,400"]
    Browser(service).get(f"/listings/{listing_id}?as_of=2020-01-01", 404)


def test_an_unknown_listing_is_a_page_of_404(browser: Browser) -> None:
    page = browser.get(f"/listings/{'0' * 32}", 404).html
    assert page is not None
    assert "No such listing" in page.get_text()


def test_an_offer_is_placed_among_those_of_its_model(service: Service) -> None:
    service.import_csv(
        offers(*(f"L4,{price},0.7,EU,Seller {price},2025-07-01" for price in (100, 200, 200, 400)))
    )
    browser = Browser(service)
    found = {}
    for row in service.listings("?sort=price_usd"):
        text = " ".join(browser.page(f"/listings/{row['listing_id']}").get_text().split())
        words = re.search(r"(?:It costs|None of the) .*? median \$200\.", text)
        assert words is not None
        found[row["price_usd"]] = words[0]
    rest = "for L4 without a condition. The lowest price, including this offer, is $100, and the "
    assert found == {
        100: f"It costs less than 3 of the 3 other current offers, {rest}median $200.",
        200: f"It costs less than 1 of the 3 other current offers, {rest}median $200.",
        400: f"None of the 3 other current offers costs more, {rest}median $200.",
    }


def test_the_only_offer_of_a_model_is_not_placed(service: Service) -> None:
    listing_id, *_ = _seen_twice(service)
    assert "It costs less" not in Browser(service).page(f"/listings/{listing_id}").get_text()


def test_a_long_source_row_is_shown_by_its_beginning(service: Service) -> None:
    text = "x" * 5000
    service.import_csv(f"model,price_usd,score,notes\nL4,1,0.5,{text}\n")
    (row,) = service.listings()
    page = Browser(service).page(f"/listings/{row['listing_id']}")
    shown = page.find(id="source").find_next("pre").get_text()
    assert len(shown) < 4100
    assert "Only its beginning is shown." in page.get_text()
