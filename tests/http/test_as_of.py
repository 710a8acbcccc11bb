"""`GET /api/listings` over time: `history=true` and `as_of`, with filters, orders, pages and
formats."""

import csv
import io
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from glyphd.storage import clock
from glyphd.times import read_stored, utc_text
from tests.http.conftest import COLUMNS, Market
from tests.service import Service, offers

LATER = f"{COLUMNS}\nL4,2300,New,Acme,EU,24,0.75,2025-07-08T12:00:00Z,Retail\n"


def _imported_at(service: Service, import_id: str) -> str:
    return str(service.status(import_id)["imported_at"])


def test_a_status_tells_the_moment_its_rows_are_there(own_market: Market) -> None:
    at = _imported_at(own_market.service, own_market.first)
    rows = own_market.service.listings(f"?as_of={at}")
    assert {row["imported_at"] for row in rows} == {at}
    assert len(rows) == 4


def test_just_before_an_import_its_rows_are_not_there(own_market: Market) -> None:
    at = read_stored(_imported_at(own_market.service, own_market.second))
    before = utc_text(at - timedelta(microseconds=1))
    assert {row["import_id"] for row in own_market.service.listings(f"?as_of={before}")} == {
        own_market.first
    }


def test_before_the_first_import_there_is_nothing(market: Market) -> None:
    assert market.prices("?as_of=2020-01-01") == []


def test_what_was_current_then_is_shown_as_it_was(own_market: Market) -> None:
    service = own_market.service
    at = _imported_at(service, own_market.second)
    before = service.listings()
    service.import_csv(LATER, "?source=perplexity")
    assert [row["price_usd"] for row in service.listings("?model=L4")] == [2300]
    assert service.listings(f"?as_of={at}") == before


def test_an_import_made_while_the_clock_was_ahead_is_found_by_its_own_moment(
    own_market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, tomorrow = own_market.service, datetime.now(UTC) + timedelta(days=1)
    with monkeypatch.context() as ahead:
        ahead.setattr(clock, "now_text", lambda: utc_text(tomorrow))
        at = _imported_at(service, service.import_csv(LATER)["import_id"])
    assert at == utc_text(tomorrow)
    assert 2300 in own_market.prices(f"?as_of={at}")
    assert 2300 not in own_market.prices(f"?as_of={utc_text(tomorrow - timedelta(microseconds=1))}")
    assert (
        own_market.refusal(f"as_of={utc_text(tomorrow + timedelta(microseconds=1))}")["parameter"]
        == "as_of"
    )


def test_a_rollback_made_while_the_clock_was_ahead_has_a_moment_too(
    own_market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, tomorrow = own_market.service, datetime.now(UTC) + timedelta(days=1)
    with monkeypatch.context() as ahead:
        ahead.setattr(clock, "now_text", lambda: utc_text(tomorrow))
        service.http.post(f"/api/imports/{own_market.second}/rollback", status=202)
        service.work()
    at = service.status(own_market.second)["rolled_back_at"]
    assert {row["import_id"] for row in service.listings(f"?as_of={at}")} == {own_market.first}


@pytest.mark.parametrize("moment", ["2999-01-01", "yesterday", "20250101"])
def test_a_moment_that_is_none_or_lies_ahead_is_refused(market: Market, moment: str) -> None:
    found = market.refusal(f"as_of={moment}")
    assert (found["code"], found["parameter"]) == ("invalid_parameter", "as_of")


@pytest.mark.parametrize(
    "query",
    ["model=L4", "min_score=0.75", "region=EU&sort=price_usd", "after=2025-07-03T12:00:00Z"],
)
def test_filters_and_orders_are_those_of_now(own_market: Market, query: str) -> None:
    at = _imported_at(own_market.service, own_market.second)
    assert own_market.service.listings(f"?as_of={at}&{query}") == own_market.service.listings(
        f"?{query}"
    )


def test_the_latest_is_chosen_first_and_then_filtered(own_market: Market) -> None:
    own_market.service.import_csv(LATER, "?source=perplexity")
    at = own_market.service.listings("?model=L4")[0]["imported_at"]
    assert own_market.service.listings(f"?as_of={at}&max_score=0.7&model=L4") == []


@pytest.mark.parametrize(
    "query", ["history=true", "history=true&sort=-price_usd", "history=true&sort=model"]
)
def test_pages_of_the_history_are_the_history(own_market: Market, query: str) -> None:
    own_market.service.import_csv(LATER, "?source=perplexity")
    everything = own_market.service.listings(f"?{query}")
    assert len(everything) == 7
    assert own_market.service.walk(f"/api/listings?{query}&limit=2") == everything


def test_pages_of_the_past_are_the_past(own_market: Market) -> None:
    at = _imported_at(own_market.service, own_market.second)
    own_market.service.import_csv(LATER, "?source=perplexity")
    everything = own_market.service.listings(f"?as_of={at}")
    assert own_market.service.walk(f"/api/listings?as_of={at}&limit=2") == everything


def test_a_cursor_is_for_its_own_time(own_market: Market) -> None:
    link = own_market.service.http.get("/api/listings?limit=2").headers["Link"]
    cursor = link.partition("cursor=")[2].partition(">")[0]
    at = _imported_at(own_market.service, own_market.second)
    for query in (f"as_of={at}", "history=true"):
        assert own_market.refusal(f"limit=2&cursor={cursor}&{query}")["code"] == "invalid_cursor"


def test_the_history_has_every_event_in_every_format(own_market: Market) -> None:
    own_market.service.import_csv(LATER, "?source=perplexity")
    answer = own_market.service.http.get(
        "/api/listings?history=true&model=L4&format=csv&fields=price_usd"
    )
    assert [row["price_usd"] for row in csv.DictReader(io.StringIO(answer.text))] == [
        "2300.0",
        "2400.0",
    ]


def test_the_history_as_of_a_moment_has_what_was_known_then(own_market: Market) -> None:
    at = _imported_at(own_market.service, own_market.first)
    assert len(own_market.service.listings(f"?history=true&as_of={at}")) == 4
    assert own_market.service.listings(f"?import_id={own_market.second}&as_of={at}") == []


def test_a_count_is_of_the_time_asked_for(own_market: Market) -> None:
    own_market.service.import_csv(LATER, "?source=perplexity")
    at = _imported_at(own_market.service, own_market.first)
    for query, count in (("history=true", 7), (f"as_of={at}", 4), ("", 6)):
        answer = own_market.service.http.get(f"/api/listings?count=exact&limit=1&{query}")
        assert answer.headers["X-Total-Count"] == str(count)


def test_an_older_file_that_comes_late_changes_nothing_that_is_current(own_market: Market) -> None:
    service = own_market.service
    before = [row | {"first_seen_at": None} for row in service.listings()]
    service.import_csv(LATER.replace("2025-07-08", "2025-06-30"), "?source=perplexity")
    assert [row | {"first_seen_at": None} for row in service.listings()] == before
    (row,) = service.listings("?model=L4")
    assert row["first_seen_at"] == "2025-06-30T12:00:00.000000Z"
    (delta,) = service.http.get("/api/deltas?model=L4").json
    assert (delta["previous_price_usd"], delta["price_usd"]) == (2300, 2400)


def test_the_history_of_a_listing_tells_what_changed(own_market: Market) -> None:
    service = own_market.service
    service.import_csv(LATER, "?source=perplexity")
    listing_id = service.listings("?model=L4")[0]["listing_id"]
    rows = service.http.get(f"/api/listings/{listing_id}/history").json
    assert [row["price_usd"] for row in rows] == [2400, 2300]
    assert [row["price_delta"] for row in rows] == [None, -100]
    assert [row["price_delta_pct"] for row in rows] == [None, -4.166667]
    assert [row["score_delta"] for row in rows] == [None, 0.05]
    assert all(one["seen_at"] < other["seen_at"] for one, other in pairwise(rows))


def test_an_event_that_does_not_count_is_compared_with_nothing(service: Service) -> None:
    ids = [
        service.import_csv(offers(f"L4,{price},1,,Acme,2025-01-0{price}"))["import_id"]
        for price in (1, 2, 4)
    ]
    service.http.post(f"/api/imports/{ids[1]}/rollback")
    service.work()
    listing_id = service.listings()[0]["listing_id"]
    rows = service.http.get(f"/api/listings/{listing_id}/history").json
    assert [(row["price_usd"], row["price_delta"]) for row in rows] == [
        (1, None),
        (2, None),
        (4, 3),
    ]


def test_a_listing_nobody_knows_has_no_history(service: Service) -> None:
    assert service.refusal(f"/api/listings/{'0' * 32}/history", 404)["code"] == "listing_not_found"
