"""A page is at most 100 kB, whatever the archive contains; the rest is on other pages."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.service import Service, offers
from tests.web.browsing import Browser

MOST_BYTES = 100_000
DAYS = 130
LONG = "R" + "&" * 180 + "ф"
"""It has twelve times as many bytes as characters in an address, and five times in a page."""


def _size(browser: Browser, path: str) -> int:
    return len(browser.get(path, 200).body)


@pytest.fixture(scope="module")
def long_history(shared_service: Service) -> Browser:
    """One offer seen on many days, with another price and score each time."""
    first = datetime(2024, 1, 1, 7, 30, tzinfo=UTC)
    for day in range(DAYS):
        seen_at = f"{first + timedelta(days=day):%Y-%m-%dT%H:%M:%SZ}"
        shared_service.upload(
            offers(f"L4,{20000 + day * 37 % 913}.95,0.{day % 89 + 10},EU,Acme,{seen_at}"),
            "?source=daily",
        )
    shared_service.work()
    return Browser(shared_service)


def test_a_listing_seen_for_a_year_fits(long_history: Browser) -> None:
    (listing,) = long_history.service.listings()
    page = long_history.get(f"/listings/{listing['listing_id']}", 200)
    assert len(page.body) < MOST_BYTES
    assert f"of {DAYS} observations" in page.text


def test_the_chart_of_a_long_history_keeps_its_ends_and_its_extremes(long_history: Browser) -> None:
    (listing,) = long_history.service.listings()
    prices = [
        row["price_usd"]
        for row in long_history.service.http.get(
            f"/api/listings/{listing['listing_id']}/history"
        ).json
    ]
    titles = [
        title.get_text()
        for title in long_history.page(f"/listings/{listing['listing_id']}").svg.find_all("title")
    ]
    drawn = [
        float(title.split("$")[1].partition(", import")[0].replace(",", "")) for title in titles
    ]
    assert (drawn[0], drawn[-1], min(drawn), max(drawn)) == (
        prices[0],
        prices[-1],
        min(prices),
        max(prices),
    )


@pytest.mark.parametrize("bucket", ["day", "week", "month"])
def test_a_model_seen_for_a_year_fits(long_history: Browser, bucket: str) -> None:
    assert _size(long_history, f"/models/L4?bucket={bucket}") < MOST_BYTES


def test_a_hundred_changes_fit(long_history: Browser) -> None:
    assert _size(long_history, "/changes?limit=100") < MOST_BYTES
    assert _size(long_history, "/changes?limit=100&sort=size") < MOST_BYTES


def test_long_texts_make_shorter_pages_that_lose_nothing(service: Service) -> None:
    rows = (
        f'"{LONG}{number}",{number}.55,0.5,"{LONG}","{LONG}{number}",2025-07-01'
        for number in range(120)
    )
    assert service.import_csv(offers(*rows))["status"] == "succeeded"
    browser = Browser(service)
    for start in ("/", "/listings?limit=100"):
        path, seen = start, []
        while path:
            answer = browser.get(path, 200)
            assert len(answer.body) < MOST_BYTES
            page: Any = answer.html
            seen += [row.th.a["href"] for row in page.tbody.find_all("tr")]
            following = page.find("a", rel="next")
            path = following["href"] if following else ""
        assert len(seen) == len(set(seen)) == 120


def test_all_columns_of_all_observations_fit(archive: Service, browser: Browser) -> None:
    columns = archive.http.get("/api/schema").json["columns"]
    assert (
        _size(browser, f"/listings?history=true&limit=100&fields={','.join(columns)}") < MOST_BYTES
    )
