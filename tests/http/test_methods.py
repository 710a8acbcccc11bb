"""Rules for every route: its methods, and the answers for paths that do not exist."""

import re

import pytest

from glyphd.api.app import all_routes
from tests.http.conftest import Market
from tests.service import Service, problem

GET_PATHS = {
    "/openapi.json",
    "/metrics",
    "/api/health",
    "/api/ready",
    "/api/schema",
    "/api/schema.csv",
    "/api/schema/versions",
    "/api/imports",
    "/api/imports/{import_id}",
    "/api/import/{import_id}",
    "/api/imports/{import_id}/errors",
    "/api/imports/{import_id}/file",
    "/api/imports/{import_id}/report.csv",
    "/api/listings",
    "/api/listings/{listing_id}",
    "/api/models",
    "/api/models/{model}",
    "/api/models/{model}/history",
    "/api/imports/{a}/diff/{b}",
    "/api/listings/{listing_id}/history",
    "/api/listings/{listing_id}/source",
    "/api/deltas",
    "/api/forecast/deltas",
    "/api/events",
    "/api/sources",
    "/api/webhooks",
    "/api/webhooks/{webhook_id}",
    "/api/webhooks/{webhook_id}/attempts",
    "/api/diff",
    "/api/index",
    "/api/stats",
    "/api/stats/history",
    "/api/watches",
    "/api/watches/{watch_id}",
    "/api/watches/{watch_id}/matches",
    "/api/watches/{watch_id}/feed/{secret}",
}
POST_PATHS = {
    "/api/import",
    "/api/listings/import",
    "/api/persist/listings",
    "/api/imports/{import_id}/cancel",
    "/api/imports/{import_id}/retry",
    "/api/imports/{import_id}/rollback",
    "/api/imports/{import_id}/restore",
    "/api/webhooks",
    "/api/webhooks/{webhook_id}/attempts/{attempt_id}/replay",
    "/api/watches",
    "/api/watches/{watch_id}/feed",
}
OTHERS = {
    (method, path)
    for method in ("PATCH", "DELETE")
    for path in ("/api/webhooks/{webhook_id}", "/api/watches/{watch_id}")
}
REQUIRED = {"/api/diff": "?from=2025-01-01"}
"""The parameters that a path requires."""


def _path(market: Market, path: str) -> str:
    listing_id = market.service.listings()[0]["listing_id"]
    known = {"import_id": market.first, "a": market.first, "b": market.second, "model": "L4"}
    known |= {"watch_id": market.watch, "secret": market.feed_secret}
    found = path.format(**known, listing_id=listing_id, webhook_id=market.webhook)
    return found + REQUIRED.get(path, "")


def test_the_paths_tested_are_all_there_are(shared_service: Service) -> None:
    routes = {
        (route.method, re.sub(r"<(\w+)[^>]*>", r"{\1}", route.path))
        for route in all_routes(shared_service.services)
    }
    reading = {("GET", path) for path in GET_PATHS}
    assert routes == reading | {("POST", path) for path in POST_PATHS} | OTHERS


@pytest.mark.parametrize("path", sorted(GET_PATHS - {"/api/ready", "/metrics"}))
def test_head_works_where_get_does(market: Market, path: str) -> None:
    got = market.service.http.get(_path(market, path))
    answer = market.service.http.head(_path(market, path))
    assert (answer.status_code, answer.body) == (200, b"")
    told = ("Content-Type", "ETag")
    assert answer.headers.get("Content-Length") in (None, got.headers["Content-Length"])
    assert [answer.headers.get(name) for name in told] == [got.headers.get(name) for name in told]


def test_a_path_that_only_takes_uploads_is_no_listing(market: Market) -> None:
    answer = market.service.http.get("/api/listings/import", status=405)
    assert answer.headers["Allow"] == "OPTIONS, POST"


@pytest.mark.parametrize("path", sorted(GET_PATHS))
def test_options_tell_what_is_possible(market: Market, path: str) -> None:
    answer = market.service.http.options(_path(market, path))
    assert (answer.status_code, answer.body) == (204, b"")
    assert {"GET", "HEAD", "OPTIONS"} <= set(answer.headers["Allow"].split(", "))


@pytest.mark.parametrize("path", sorted(POST_PATHS))
def test_options_tell_where_to_post(shared_service: Service, path: str) -> None:
    assert {"POST", "OPTIONS"} <= set(
        shared_service.http.options(path).headers["Allow"].split(", ")
    )


@pytest.mark.parametrize("path", sorted(GET_PATHS - {path for _, path in OTHERS}))
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_another_method_is_405_with_allow(market: Market, method: str, path: str) -> None:
    answer = market.service.http.request(_path(market, path), method=method, status=405)
    found = problem(answer)
    assert found["code"] == "method_not_allowed"
    assert {"GET", "HEAD", "OPTIONS"} <= set(answer.headers["Allow"].split(", "))


@pytest.mark.parametrize("path", ["/api/import", "/api/persist/listings"])
def test_what_only_takes_a_post_does_not_promise_get(shared_service: Service, path: str) -> None:
    answer = shared_service.http.get(path, status=405)
    assert (problem(answer)["code"], answer.headers["Allow"]) == (
        "method_not_allowed",
        "OPTIONS, POST",
    )


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/nothing", "/api/listings/", "/favicon.ico", "/api/%FF", "/a%00b"]
)
def test_an_unknown_path_is_404(shared_service: Service, path: str) -> None:
    assert shared_service.refusal(path, 404)["code"] == "not_found"


@pytest.mark.parametrize(
    ("method", "path", "status", "meant"),
    [
        ("POST", "/api/import/csv", 405, "/api/import"),
        ("POST", "/api/imports", 405, "/api/import"),
        ("POST", "/api/listings", 405, "/api/listings/import"),
        ("GET", "/api/import", 405, "/api/imports"),
        ("GET", "/api/imports/abc/cancel", 405, None),
        ("PUT", "/api/listings", 405, None),
        ("GET", "/api/listing", 404, "/api/listings"),
        ("HEAD", "/api/listing", 404, "/api/listings"),
        ("GET", "/api/listings/", 404, "/api/listings"),
        ("GET", "/listings", 404, "/api/listings"),
        ("GET", "/api/import/abc/errors", 404, "/api/imports/abc/errors"),
        ("GET", "/api/imports/abc/report", 404, "/api/imports/abc/report.csv"),
        ("POST", "/api/import/abc/rollback", 404, "/api/imports/abc/rollback"),
        ("POST", "/api/imports/rollback", 405, "/api/imports/{import_id}/rollback"),
        ("GET", "/api/nothing", 404, None),
        ("GET", "/", 404, None),
    ],
)
def test_the_path_that_was_probably_meant_is_named(
    shared_service: Service, method: str, path: str, status: int, meant: str | None
) -> None:
    answer = shared_service.http.request(path, method=method, status=status)
    if method == "HEAD":
        return
    found = problem(answer)
    assert found["nearest"] == meant
    assert (f"did you mean {method} {meant}?" in found["detail"]) is (meant is not None)


def test_a_long_unknown_path_is_answered_in_no_time(shared_service: Service) -> None:
    found = shared_service.refusal(f"/api/{'listings' * 1000}", 404)
    assert len(found["detail"]) < 500
