"""A page that is asked for again is the same one, until the archive changes."""

import pytest
from bottle import HTTPResponse

from glyphd.api.kept_pages import KeptPages
from tests.http.conftest import Market
from tests.service import Service

ROW = "model,price_usd,score\nL4,{},0.5\n"
PATH = "/api/listings?limit=1&fields=price_usd"


def _answer(size: int) -> HTTPResponse:
    return HTTPResponse(b"x" * size, 200, {"ETag": str(size)})


def test_again_it_has_the_same_bytes_and_headers(market: Market) -> None:
    first, again = (market.service.http.get("/api/listings?limit=2&count=exact") for _ in range(2))
    assert again.body == first.body
    for name in ("ETag", "Link", "X-Total-Count", "Content-Type", "Content-Length", "Vary", "Cache-Control"):
        assert again.headers[name] == first.headers[name]
    assert again.headers["X-Request-Id"] != first.headers["X-Request-Id"]


def test_an_import_and_a_rollback_are_seen_at_once(service: Service) -> None:
    service.import_csv(ROW.format(1))
    assert service.http.get(PATH).json == [{"price_usd": 1.0}]
    second = service.import_csv(ROW.format(2))["import_id"]
    assert service.http.get(PATH).json == [{"price_usd": 2.0}]
    service.http.post(f"/api/imports/{second}/rollback", headers={"Prefer": "respond-async"})
    service.work()
    assert service.http.get(PATH).json == [{"price_usd": 1.0}]


@pytest.mark.parametrize("accept", ["text/csv", "application/x-ndjson", "application/json"])
def test_each_format_is_kept_for_itself(market: Market, accept: str) -> None:
    for _ in range(2):
        answer = market.service.http.get("/api/listings?limit=1", headers={"Accept": accept})
        assert answer.content_type == accept


def test_those_asked_for_longest_ago_go_first() -> None:
    pages = KeptPages(most_bytes=350_000)
    for size in (99_000, 100_000, 101_000):
        pages.keep(str(size), _answer(size))
    pages.find("99000")
    pages.keep("98000", _answer(98_000))
    kept = [size for size in (98_000, 99_000, 100_000, 101_000) if pages.find(str(size))]
    assert kept == [98_000, 99_000, 101_000]


def test_a_page_that_is_too_large_is_not_kept() -> None:
    pages = KeptPages(most_bytes=10_000)
    assert pages.keep("11", _answer(11_000)).body == b"x" * 11_000
    assert pages.find("11") is None


def test_headers_and_empty_pages_count() -> None:
    pages = KeptPages(most_bytes=1_000_000)
    for number in range(1000):
        pages.keep(f"long {number}", HTTPResponse(b"", 200, {"Link": "x" * 90_000}))
    assert sum(pages.find(f"long {number}") is not None for number in range(1000)) == 10
    for number in range(10_000):
        pages.keep(f"empty {number}", HTTPResponse(b"", 200, {"ETag": str(number)}))
    assert sum(pages.find(f"empty {number}") is not None for number in range(10_000)) < 500


def test_what_is_kept_can_not_be_changed_by_its_reader() -> None:
    pages = KeptPages()
    pages.keep("1", _answer(1))
    found = pages.find("1")
    assert found is not None
    found.set_header("X-Request-Id", "mine")
    again = pages.find("1")
    assert again is not None
    assert again.get_header("X-Request-Id") is None
