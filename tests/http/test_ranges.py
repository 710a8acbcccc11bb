"""Whole results, reports and kept files in parts: `Range`, `If-Range`, 206 and 416."""

from typing import Any

import pytest
from webtest import TestResponse

from tests.http.conftest import Market
from tests.http.wsgi import Answer, ask
from tests.service import problem

PATHS = (
    "/api/listings?format=csv",
    "/api/models?format=ndjson",
    "/api/deltas",
    "/api/imports/{}/report.csv",
    "/api/imports/{}/file",
    "/api/imports/{}/errors",
)


def _get(market: Market, path: str, status: int = 200, **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return market.service.http.get(path.format(market.first), headers=named, status=status)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_head_says_all_that_a_get_does(market: Market, path: str, coding: str) -> None:
    target, accepted = path.format(market.first), {"Accept-Encoding": coding}
    whole = ask(market.service, target, headers=accepted)
    head = ask(market.service, target, "HEAD", accepted)
    assert _lasting(head) == _lasting(whole)
    assert whole.header("Accept-Ranges") == "bytes"
    assert int(head.header("Content-Length")) == len(whole.body)
    assert head.body == b""


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_the_parts_make_the_whole(market: Market, path: str, coding: str) -> None:
    target, accepted = path.format(market.first), {"Accept-Encoding": coding}
    whole = ask(market.service, target, headers=accepted)
    size, accepted["If-Range"] = len(whole.body), whole.header("ETag")
    half = size // 2
    first, second = (
        ask(market.service, target, headers=accepted | {"Range": asked})
        for asked in (f"bytes=0-{half - 1}", f"bytes={half}-")
    )
    assert (first.status, second.status) == (206, 206)
    assert first.body + second.body == whole.body
    assert first.header("Content-Length") == str(half)
    assert second.header("Content-Range") == f"bytes {half}-{size - 1}/{size}"
    for name in ("ETag", "Vary", "Cache-Control", "Content-Encoding", "Content-Disposition"):
        assert first.header(name) == whole.header(name)


def _lasting(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers if name != "X-Request-Id"}


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-0", slice(0, 1)),
        ("bytes=-5", slice(-5, None)),
        ("BYTES = 3-4", slice(3, 5)),
        ("bytes=2-99999999999999999999", slice(2, None)),
        ("bytes=-99999999", slice(None)),
    ],
)
def test_one_range(market: Market, asked: str, part: slice) -> None:
    whole = _get(market, "/api/listings")
    assert _get(market, "/api/listings", 206, Range=asked).body == whole.body[part]


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=0-1,3-4",
        "bytes=5-2",
        "bytes=-",
        "bytes=a-b",
        "lines=1-2",
        "bytes 0-1",
        "bytes=٣-٤",
        "",
    ],
)
def test_what_is_not_one_range_gets_all(market: Market, asked: str) -> None:
    answer = _get(market, "/api/listings", 200, Range=asked)
    assert "Content-Range" not in answer.headers
    assert answer.json


@pytest.mark.parametrize("asked", ["bytes={}-", "bytes=99999999999999999999-", "bytes=-0"])
def test_a_range_behind_the_end_is_416(market: Market, asked: str) -> None:
    size = len(_get(market, "/api/listings").body)
    answer = _get(market, "/api/listings", 416, Range=asked.format(size))
    assert answer.headers["Content-Range"] == f"bytes */{size}"
    found: dict[str, Any] = problem(answer)
    assert (found["code"], found["size"]) == ("range_not_satisfiable", size)


def test_of_nothing_there_is_no_range(market: Market) -> None:
    path = "/api/listings?format=ndjson&model=none"
    assert _get(market, path).body == b""
    assert problem(_get(market, path, 416, Range="bytes=0-"))["size"] == 0


@pytest.mark.parametrize("given", ['"other"', "W/{}", "Wed, 21 Oct 2015 07:28:00 GMT", "*"])
def test_of_another_version_all_is_sent(market: Market, given: str) -> None:
    etag = _get(market, "/api/listings").headers["ETag"]
    answer = _get(market, "/api/listings", 200, Range="bytes=0-0", If_Range=given.format(etag))
    assert answer.json


def test_a_part_of_one_coding_is_none_of_another(market: Market) -> None:
    plain = _get(market, "/api/listings").headers["ETag"]
    asked = {"Range": "bytes=0-0", "If_Range": plain, "Accept_Encoding": "gzip"}
    assert _get(market, "/api/listings", 200, **asked).json


def test_who_has_it_already_gets_304_for_a_part_too(market: Market) -> None:
    etag = _get(market, "/api/listings").headers["ETag"]
    assert _get(market, "/api/listings", 304, Range="bytes=0-0", If_None_Match=etag).body == b""


def test_a_head_has_no_part(market: Market) -> None:
    answer = market.service.http.head("/api/listings", headers={"Range": "bytes=0-0"}, status=200)
    assert "Content-Range" not in answer.headers


def test_a_page_has_no_parts(market: Market) -> None:
    answer = _get(market, "/api/listings?limit=1", 200, Range="bytes=0-0")
    assert "Accept-Ranges" not in answer.headers
