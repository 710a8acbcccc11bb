"""What holds for every route: problems, methods, request ids."""

import errno
import json
import os
import re
from dataclasses import replace
from typing import Any

import pytest
from peewee import Database, OperationalError
from webtest import TestApp

from glyphd import errors
from glyphd.api.app import all_routes, build_app
from glyphd.api.problems import STATUSES, status_of
from glyphd.db.registry_models import Job
from glyphd.importing.registry import Registry
from tests.http.conftest import Market
from tests.service import Service, problem

GET_PATHS = {
    "/openapi.json",
    "/metrics",
    "/api/health",
    "/api/ready",
    "/api/schema",
    "/api/schema.csv",
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
"""The parameters that a path can't be asked without."""
SECRET = "/srv/glyphd/secret"


class BrokenRegistry(Registry):
    """A registry in which asking for an import goes wrong."""

    def __init__(self, database: Database, failure: Exception) -> None:
        super().__init__(database)
        self._failure = failure

    def find_import(self, import_id: str) -> Job | None:
        raise self._failure


def _http(service: Service, failure: Exception) -> "TestApp[Any]":
    """The service, but that asking for an import fails like this."""
    broken = BrokenRegistry(service.services.registry.database, failure)
    return TestApp(build_app(replace(service.services, registry=broken)))


def _path(market: Market, path: str) -> str:
    listing_id = market.service.listings()[0]["listing_id"]
    known = {"import_id": market.first, "a": market.first, "b": market.second, "model": "L4"}
    known |= {"watch_id": market.watch, "secret": market.feed_secret}
    found = path.format(**known, listing_id=listing_id, webhook_id=market.webhook)
    return found + REQUIRED.get(path, "")


def _all_errors() -> list[type[errors.GlyphdError]]:
    found = [errors.GlyphdError]
    for error in found:
        found += error.__subclasses__()
    return found


def test_the_paths_tested_are_all_there_are(service: Service) -> None:
    routes = {
        (route.method, re.sub(r"<(\w+)[^>]*>", r"{\1}", route.path))
        for route in all_routes(service.services)
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
def test_options_tell_where_to_post(service: Service, path: str) -> None:
    assert {"POST", "OPTIONS"} <= set(service.http.options(path).headers["Allow"].split(", "))


@pytest.mark.parametrize("path", sorted(GET_PATHS - {path for _, path in OTHERS}))
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_another_method_is_405_with_allow(market: Market, method: str, path: str) -> None:
    answer = market.service.http.request(_path(market, path), method=method, status=405)
    found = problem(answer)
    assert found["code"] == "method_not_allowed"
    assert {"GET", "HEAD", "OPTIONS"} <= set(answer.headers["Allow"].split(", "))


@pytest.mark.parametrize("path", ["/api/import", "/api/persist/listings"])
def test_what_only_takes_a_post_does_not_promise_get(service: Service, path: str) -> None:
    answer = service.http.get(path, status=405)
    assert (problem(answer)["code"], answer.headers["Allow"]) == (
        "method_not_allowed",
        "OPTIONS, POST",
    )


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/nothing", "/api/listings/", "/favicon.ico", "/api/%FF", "/a%00b"]
)
def test_an_unknown_path_is_404(service: Service, path: str) -> None:
    assert service.refusal(path, 404)["code"] == "not_found"


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
    service: Service, method: str, path: str, status: int, meant: str | None
) -> None:
    answer = service.http.request(path, method=method, status=status)
    if method == "HEAD":
        return
    found = problem(answer)
    assert found["nearest"] == meant
    assert (f"did you mean {method} {meant}?" in found["detail"]) is (meant is not None)


def test_a_long_unknown_path_is_answered_in_no_time(service: Service) -> None:
    found = service.refusal(f"/api/{'listings' * 1000}", 404)
    assert len(found["detail"]) < 500


def test_a_problem_has_the_documented_members(service: Service) -> None:
    assert service.refusal("/api/listings?x=1") == {
        "type": "urn:glyphd:problem:unknown_parameter",
        "title": "Unknown parameter",
        "status": 400,
        "detail": "there is no parameter 'x'",
        "code": "unknown_parameter",
        "parameter": "x",
        "nearest": None,
        "known": service.refusal("/api/listings?y=1")["known"],
    }


@pytest.mark.parametrize(
    "path", ["/api/health", "/nothing", "/api/import", "/api/listings?x=1", "/api/imports/nobody"]
)
def test_a_sane_request_id_comes_back(service: Service, path: str) -> None:
    answer = service.http.get(path, headers={"X-Request-Id": "my-id:1.2_3"}, status="*")
    assert answer.headers["X-Request-Id"] == "my-id:1.2_3"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_options_have_a_request_id_too(service: Service) -> None:
    answer = service.http.options("/api/health", headers={"X-Request-Id": "mine"})
    assert answer.headers["X-Request-Id"] == "mine"


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "<script>", "{}"])
def test_another_request_id_is_replaced(service: Service, given: str) -> None:
    made = service.http.get("/api/health", headers={"X-Request-Id": given}).headers["X-Request-Id"]
    assert re.fullmatch("[0-9a-f]{32}", made)


def test_every_request_has_an_id_of_its_own(service: Service) -> None:
    first, second = (service.http.get("/api/health").headers["X-Request-Id"] for _ in range(2))
    assert first != second


def test_a_crash_in_a_route_shows_nothing_of_the_inside(service: Service) -> None:
    answer = _http(service, RuntimeError(SECRET)).get("/api/imports/x", status=500)
    found = problem(answer)
    assert (found["code"], found["title"]) == ("internal_error", "Internal Server Error")
    assert SECRET not in answer.text
    assert "Traceback" not in answer.text
    assert "X-Request-Id" in answer.headers


@pytest.mark.parametrize(
    "failure",
    [
        OperationalError("database is locked"),
        OperationalError("database table is busy"),
        errors.Unavailable("later"),
    ],
)
def test_a_busy_database_is_503_for_a_while(service: Service, failure: Exception) -> None:
    answer = _http(service, failure).get("/api/imports/x", status=503)
    assert (problem(answer)["code"], answer.headers["Retry-After"]) == ("unavailable", "5")


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_out_of_descriptors_is_503_for_a_while(service: Service, number: int) -> None:
    failure = OSError(number, os.strerror(number), SECRET)
    answer = _http(service, failure).get("/api/imports/x", status=503)
    assert (problem(answer)["code"], answer.headers["Retry-After"]) == ("unavailable", "5")
    assert "open" in problem(answer)["detail"]
    assert SECRET not in answer.text


def test_another_failure_of_the_database_is_500(service: Service) -> None:
    answer = _http(service, OperationalError(f"something unheard of in {SECRET}")).get(
        "/api/imports/x", status=500
    )
    assert (problem(answer)["code"], SECRET in answer.text) == ("internal_error", False)


def test_a_missing_archive_is_503(service: Service) -> None:
    service.settings.archive_path.unlink()
    answer = service.http.get("/api/listings", status=503)
    assert (problem(answer)["code"], "Retry-After" in answer.headers) == ("not_ready", True)


def test_an_archive_that_cant_be_opened_is_503_in_our_words(service: Service) -> None:
    service.settings.archive_path.unlink()
    service.settings.archive_path.mkdir()
    detail = problem(service.http.get("/api/listings", status=503))["detail"]
    checks = problem(service.http.get("/api/ready", status=503))["checks"]
    assert [detail, checks["schema"]] == ["the database gpu.sqlite can't be opened"] * 2


def test_an_archive_that_is_no_database_is_not_ready_in_our_words(service: Service) -> None:
    service.settings.archive_path.write_bytes(b"no database at all\n" * 1000)
    assert (
        problem(service.http.get("/api/ready", status=503))["checks"]["schema"]
        == "gpu.sqlite can't be read"
    )


def test_every_error_has_a_status_and_a_code_of_its_own() -> None:
    kinds = _all_errors()
    assert all(400 <= status_of(kind("x")) < 600 for kind in kinds)
    codes = [kind.code for kind in kinds]
    assert len(codes) == len(set(codes))


def test_every_error_in_the_table_is_one_of_ours() -> None:
    assert set(STATUSES) <= set(_all_errors())


@pytest.mark.parametrize("path", ["/api/listings", "/api/imports", "/api/schema", "/api/health"])
def test_a_page_of_another_origin_is_not_let_in(service: Service, path: str) -> None:
    answer = service.http.get(path, headers={"Origin": "https://elsewhere.example"})
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


def test_problems_are_utf_8_json(service: Service) -> None:
    answer = service.http.get("/api/listings?gr%C3%B6%C3%9Fe=1", status=400)
    assert json.loads(answer.body.decode("utf-8"))["parameter"] == "größe"
