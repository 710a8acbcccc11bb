"""Rules for every route: problems and request ids."""

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
from glyphd.api.app import build_app
from glyphd.api.problems import STATUSES, status_of
from glyphd.db.registry_models import Job
from glyphd.importing.registry import Registry
from tests.service import Service, problem

SECRET = "/srv/glyphd/secret"


class BrokenRegistry(Registry):
    """A registry whose lookup of an import fails."""

    def __init__(self, database: Database, failure: Exception) -> None:
        super().__init__(database)
        self._failure = failure

    def find_import(self, import_id: str) -> Job | None:
        raise self._failure


def _http(service: Service, failure: Exception) -> "TestApp[Any]":
    """The service, with lookups of an import that fail with this error."""
    broken = BrokenRegistry(service.services.registry.database, failure)
    return TestApp(build_app(replace(service.services, registry=broken)))


def _all_errors() -> list[type[errors.GlyphdError]]:
    found = [errors.GlyphdError]
    for error in found:
        found += error.__subclasses__()
    return found


def test_a_problem_has_the_documented_members(shared_service: Service) -> None:
    assert shared_service.refusal("/api/listings?x=1") == {
        "type": "urn:glyphd:problem:unknown_parameter",
        "title": "Unknown parameter",
        "status": 400,
        "detail": "there is no parameter 'x'",
        "code": "unknown_parameter",
        "parameter": "x",
        "nearest": None,
        "known": shared_service.refusal("/api/listings?y=1")["known"],
    }


@pytest.mark.parametrize(
    "path", ["/api/health", "/nothing", "/api/import", "/api/listings?x=1", "/api/imports/nobody"]
)
def test_a_sane_request_id_comes_back(shared_service: Service, path: str) -> None:
    answer = shared_service.http.get(path, headers={"X-Request-Id": "my-id:1.2_3"}, status="*")
    assert answer.headers["X-Request-Id"] == "my-id:1.2_3"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_options_have_a_request_id_too(shared_service: Service) -> None:
    answer = shared_service.http.options("/api/health", headers={"X-Request-Id": "mine"})
    assert answer.headers["X-Request-Id"] == "mine"


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "<script>", "{}"])
def test_another_request_id_is_replaced(shared_service: Service, given: str) -> None:
    made = shared_service.http.get("/api/health", headers={"X-Request-Id": given}).headers[
        "X-Request-Id"
    ]
    assert re.fullmatch("[0-9a-f]{32}", made)


def test_every_request_has_an_id_of_its_own(shared_service: Service) -> None:
    first, second = (
        shared_service.http.get("/api/health").headers["X-Request-Id"] for _ in range(2)
    )
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


@pytest.mark.parametrize(
    ("number", "word"),
    [(errno.EMFILE, "open"), (errno.ENFILE, "open"), (errno.EROFS, "disk"), (errno.EIO, "disk")],
)
def test_trouble_of_the_system_is_503_for_a_while(service: Service, number: int, word: str) -> None:
    failure = OSError(number, os.strerror(number), SECRET)
    answer = _http(service, failure).get("/api/imports/x", status=503)
    assert (problem(answer)["code"], answer.headers["Retry-After"]) == ("unavailable", "5")
    assert word in problem(answer)["detail"]
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
def test_a_page_of_another_origin_is_not_let_in(shared_service: Service, path: str) -> None:
    answer = shared_service.http.get(path, headers={"Origin": "https://elsewhere.example"})
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


def test_problems_are_utf_8_json(shared_service: Service) -> None:
    answer = shared_service.http.get("/api/listings?gr%C3%B6%C3%9Fe=1", status=400)
    assert json.loads(answer.body.decode("utf-8"))["parameter"] == "größe"
