"""Hostile requests: none causes an error of the service, and refused ones leave nothing behind."""

import json
from collections.abc import Iterator
from itertools import cycle, product
from urllib.parse import quote

import pytest

from glyphd.api.persist_routes import MAX_REPORTED_ERRORS
from tests.http.conftest import Market
from tests.http.forms import BOUNDARY, Part, form
from tests.http.hostile import (
    BOMBS,
    CONTENT_TYPES,
    CSV,
    FORMS,
    HOSTILE_VALUES,
    INJECTIONS,
    NAMES,
    PATHS,
    QUERIES,
)
from tests.http.wsgi import Answer, ask
from tests.service import Service

FORM_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
JSON_TYPE = {"Content-Type": "application/json"}


def _fine(answer: Answer) -> Answer:
    """The answer is no server error, has no traceback, and has only headers that the service
    set."""
    assert answer.status < 500
    assert b"Traceback" not in answer.body
    assert "owned=1" not in {
        value for name, value in answer.headers if name.lower() == "set-cookie"
    }
    for name, value in answer.headers:
        assert not set("\r\n\0") & set(name + value)
        value.encode("latin-1")
    if answer.status >= 400:
        assert answer.header("Content-Type") == "application/problem+json"
        assert answer.json["status"] == answer.status
    return answer


def _nothing_kept(service: Service) -> None:
    assert service.kept() == []
    assert service.http.get("/api/imports").json == []


def _uploads(name: str) -> Iterator[tuple[str, dict[str, str], bytes]]:
    """A file with this name, in every form that can carry a name."""
    shown = name.encode().decode("latin-1")
    yield f"/api/import?filename={quote(name)}", {"Content-Type": "text/csv"}, CSV
    disposition = f'attachment; filename="{shown}"'
    yield "/api/import", {"Content-Type": "text/csv", "Content-Disposition": disposition}, CSV
    yield "/api/import", JSON_TYPE, json.dumps({"filename": name, "csv": CSV.decode()}).encode()
    part = Part("file", CSV, name)
    yield "/api/import", {"Content-Type": FORM_TYPE}, form(part).body


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_a_file_name_is_data_and_never_a_path_or_a_header(service: Service, name: str) -> None:
    for target, headers, body in _uploads(name):
        answer = _fine(ask(service, target, "POST", headers, body))
        if answer.status != 202:
            assert answer.status in (400, 413, 422)
            continue
        found = answer.json
        kept = f"{found['import_id']}.csv"
        assert kept in service.kept()
        assert len(found["filename"] or "") <= 255
        download = _fine(ask(service, f"/api/imports/{found['import_id']}/file"))
        assert (download.status, download.body) == (200, CSV)
    assert all(len(file) < 100 and "/" not in file and ".." not in file for file in service.kept())


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
@pytest.mark.parametrize("path", ["/api/import", "/api/persist/listings"])
def test_any_content_type_is_taken_or_refused(
    shared_service: Service, content_type: str, path: str
) -> None:
    for body in (b"", CSV, b"[]", b"\0" * 100, form(Part("file", CSV)).body):
        answer = _fine(ask(shared_service, path, "POST", {"Content-Type": content_type}, body))
        assert answer.status in (202, 400, 413, 415, 422)


FILTERS = (
    *(
        "model",
        "region",
        "condition",
        "seller",
        "source_type",
        "source",
        "model_contains",
        "import_id",
    ),
    *("min_score", "max_score", "min_price", "max_price", "min_vram_gb", "after", "before"),
    *("sort", "limit", "cursor", "count", "fields", "format", "safe", "bom", "nonsense"),
)
IMPORT_FILTERS = (
    "status",
    "source",
    "sha256",
    "received_after",
    "received_before",
    "limit",
    "cursor",
    "count",
)


@pytest.mark.parametrize("name", FILTERS)
def test_what_a_filter_of_listings_says_is_never_sql(market: Market, name: str) -> None:
    for value in INJECTIONS:
        answer = _fine(
            ask(
                market.service,
                f"/api/listings?{name}={quote(value, encoding='latin-1', errors='ignore')}",
            )
        )
        assert answer.status == 400 or answer.json == [] or set(value) <= set("-9")
    assert len(market.prices()) == 6


@pytest.mark.parametrize("name", IMPORT_FILTERS)
def test_what_a_filter_of_imports_says_is_never_sql(market: Market, name: str) -> None:
    for value in INJECTIONS:
        answer = _fine(
            ask(
                market.service,
                f"/api/imports?{name}={quote(value, encoding='latin-1', errors='ignore')}",
            )
        )
        assert answer.status == 400 or answer.json == []


@pytest.mark.parametrize(
    "name", ["source", "description", "delimiter", "encoding", "on_error", "dry_run", "filename"]
)
def test_what_an_option_says_is_never_sql(shared_service: Service, name: str) -> None:
    for value in INJECTIONS:
        target = f"/api/import?{name}={quote(value, encoding='latin-1', errors='ignore')}"
        answer = _fine(ask(shared_service, target, "POST", {"Content-Type": "text/csv"}, CSV))
        if answer.status == 202 and name in answer.json:
            again = ask(shared_service, f"/api/imports/{answer.json['import_id']}").json
            assert again[name] == answer.json[name]


@pytest.mark.parametrize("path", PATHS)
def test_a_path_leads_nowhere_but_to_routes(shared_service: Service, path: str) -> None:
    for method in ("GET", "HEAD", "POST", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "\x00"):
        answer = ask(shared_service, path, method)
        assert answer.status < 500
        assert answer.status >= 400 or method == "OPTIONS"
        assert b"root:" not in answer.body
        assert all("evil.example" not in value and "\n" not in value for _, value in answer.headers)


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("path", ["/api/listings", "/api/imports", "/api/schema"])
def test_any_query_is_answered_or_refused(market: Market, path: str, query: str) -> None:
    answer = _fine(ask(market.service, f"{path}?{query.encode().decode('latin-1')}"))
    assert answer.status in (200, 400)
    assert len(answer.body) < 100_000


@pytest.mark.parametrize(
    "name",
    [
        *(
            "Accept",
            "If-None-Match",
            "X-Request-Id",
            "Prefer",
            "Idempotency-Key",
            "Content-Disposition",
            "Host",
        ),
        *(
            "Content-Encoding",
            "X-Forwarded-Host",
            "Range",
            "Cookie",
            "Authorization",
            "Content-Length",
            "Expect",
        ),
    ],
)
def test_any_header_is_answered_or_refused(shared_service: Service, name: str) -> None:
    for value, (method, path) in product(
        HOSTILE_VALUES, [("GET", "/api/listings"), ("POST", "/api/import")]
    ):
        given = {"Content-Type": "text/csv", "Prefer": "respond-async"} | {name: value}
        _fine(ask(shared_service, path, method, given, CSV if method == "POST" else b""))


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
@pytest.mark.parametrize("path", ["/api/import", "/api/persist/listings"])
def test_any_json_is_taken_or_refused(service: Service, path: str, bomb: bytes) -> None:
    answer = _fine(ask(service, path, "POST", JSON_TYPE | {"Prefer": "respond-async"}, bomb))
    assert answer.status in (202, 413, 422)
    assert len(answer.body) < 100_000
    if answer.status == 202:
        service.work()
        found = _fine(ask(service, f"/api/imports/{answer.json['import_id']}")).json
        assert (found["error"] or {"code": None})["code"] in (None, "invalid_rows")
        assert _fine(ask(service, f"/api/listings?import_id={found['import_id']}")).status == 200


def test_of_very_many_row_errors_the_first_are_reported(service: Service) -> None:
    rows = b"[" + b",".join([b"{}"] * 4000) + b"]"
    found = _fine(ask(service, "/api/persist/listings", "POST", JSON_TYPE, rows)).json
    assert (found["error_count"], found["errors_truncated"]) == (MAX_REPORTED_ERRORS, True)
    assert found["detail"].startswith("at least 10000 errors in 4000 rows")
    assert len(found["errors"]) == MAX_REPORTED_ERRORS
    _nothing_kept(service)


SMALL_FORM = form(Part("source", b"x"), Part("file", CSV, "a.csv", "text/csv")).body


def test_a_form_cut_off_anywhere_is_refused_and_leaves_nothing(service: Service) -> None:
    for length in range(len(SMALL_FORM) - len("\r\n")):
        answer = _fine(
            ask(service, "/api/import", "POST", {"Content-Type": FORM_TYPE}, SMALL_FORM[:length])
        )
        assert answer.status in (400, 422)
    _nothing_kept(service)


def test_a_form_that_ends_before_its_length_is_refused_and_leaves_nothing(service: Service) -> None:
    headers = {"Content-Type": FORM_TYPE, "Content-Length": str(len(SMALL_FORM))}
    for length in range(0, len(SMALL_FORM), 7):
        assert (
            _fine(ask(service, "/api/import", "POST", headers, SMALL_FORM[:length])).status == 400
        )
    _nothing_kept(service)


def test_a_form_with_any_byte_changed_is_taken_or_refused(service: Service) -> None:
    for at, byte in zip(range(len(SMALL_FORM)), cycle((b"\0", b"\xff", b"\n")), strict=False):
        body = SMALL_FORM[:at] + byte + SMALL_FORM[at + 1 :]
        answer = _fine(
            ask(service, "/api/import?dry_run=true", "POST", {"Content-Type": FORM_TYPE}, body)
        )
        assert answer.status in (202, 400, 413, 422)


@pytest.mark.parametrize("body", FORMS.values(), ids=FORMS.keys())
def test_any_form_is_taken_or_refused(service: Service, body: bytes) -> None:
    answer = _fine(ask(service, "/api/import", "POST", {"Content-Type": FORM_TYPE}, body))
    assert answer.status in (202, 400, 413, 415, 422)
    assert len(answer.body) < 20_000
    if answer.status != 202:
        _nothing_kept(service)
