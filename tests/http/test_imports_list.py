"""`GET /api/imports`: imports, newest first."""

import csv
import io
import json
from hashlib import sha256

import pytest

from tests.importing.jobs import add_job
from tests.service import Service, next_page, offers

ROW = "L4,2400.5,0.7,EU,Acme,2025-07-29T13:00:00Z"


@pytest.fixture(scope="module")
def imports(shared_service: Service) -> list[str]:
    """Five imports, the oldest first: one failed and the last one queued."""
    service = shared_service
    return [
        service.import_csv(offers(ROW), "?source=perplexity")["import_id"],
        service.import_csv(offers("A,1,1,,,2025-01-01"), "?source=ebay")["import_id"],
        service.import_csv(offers("B,$,1,,,2025-01-01"), "?source=ebay")["import_id"],
        service.import_csv(offers("C,1,1,,,2025-01-01"))["import_id"],
        service.upload(offers("D,1,1,,,2025-01-01")).json["import_id"],
    ]


def _ids(service: Service, query: str = "") -> list[str]:
    return [status["import_id"] for status in service.http.get(f"/api/imports{query}").json]


def test_the_newest_comes_first(shared_service: Service, imports: list[str]) -> None:
    assert _ids(shared_service) == imports[::-1]


def test_each_is_the_status_of_its_import(shared_service: Service, imports: list[str]) -> None:
    assert shared_service.http.get("/api/imports").json == [
        shared_service.status(import_id) for import_id in reversed(imports)
    ]


def test_none_is_an_empty_array(service: Service) -> None:
    assert service.http.get("/api/imports").json == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=succeeded", [3, 1, 0]),
        ("status=failed", [2]),
        ("status=queued", [4]),
        ("status=cancelled", []),
        ("source=ebay", [2, 1]),
        ("source=EBAY", [2, 1]),
        ("source=ebay&status=succeeded", [1]),
        ("source=", [4, 3, 2, 1, 0]),
        (f"sha256={sha256(offers(ROW).encode()).hexdigest()}", [0]),
        (f"sha256={sha256(offers(ROW).encode()).hexdigest().upper()}", [0]),
        ("received_after=2000-01-01&received_before=2100-01-01", [4, 3, 2, 1, 0]),
        ("received_after=2100-01-01", []),
        ("received_before=2000-01-01", []),
        ("limit=2", [4, 3]),
        ("limit=", [4, 3, 2, 1, 0]),
    ],
)
def test_filters(shared_service: Service, imports: list[str], query: str, found: list[int]) -> None:
    assert _ids(shared_service, f"?{query}") == [imports[at] for at in found]


@pytest.mark.parametrize(
    ("name", "found"), [("received_after", [4, 3]), ("received_before", [1, 0])]
)
def test_times_are_exclusive(
    shared_service: Service, imports: list[str], name: str, found: list[int]
) -> None:
    received_at = shared_service.status(imports[2])["received_at"]
    assert _ids(shared_service, f"?{name}={received_at}") == [imports[at] for at in found]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6])
def test_walking_the_pages_gives_every_import_once(
    shared_service: Service, imports: list[str], limit: int
) -> None:
    found = shared_service.walk(f"/api/imports?limit={limit}")
    assert [status["import_id"] for status in found] == imports[::-1]


def test_pages_keep_their_filters(shared_service: Service, imports: list[str]) -> None:
    first = shared_service.http.get("/api/imports?status=succeeded&limit=2")
    second = shared_service.http.get(next_page(first))
    assert [status["import_id"] for status in second.json] == [imports[0]]


def test_a_cursor_of_other_filters_is_refused(shared_service: Service, imports: list[str]) -> None:
    link = next_page(shared_service.http.get("/api/imports?limit=2"))
    assert shared_service.refusal(f"{link}&status=failed")["code"] == "invalid_cursor"


@pytest.mark.parametrize("cursor", ["x", "W10", "****", "bnVsbA"])
def test_what_is_no_cursor_is_refused(service: Service, cursor: str) -> None:
    assert service.refusal(f"/api/imports?cursor={cursor}")["code"] == "invalid_cursor"


def test_a_hundred_come_unasked(service: Service) -> None:
    registry = service.services.registry
    with registry.database.connection_context(), registry.database.atomic():
        for _ in range(101):
            add_job(registry, size_bytes=1, encoding="utf-8", on_error="abort")
    answer = service.http.get("/api/imports")
    assert (len(answer.json), "Link" in answer.headers) == (100, True)


def test_a_total_is_told_only_when_asked_for(shared_service: Service, imports: list[str]) -> None:
    assert (
        shared_service.http.get("/api/imports?limit=1&count=exact").headers["X-Total-Count"] == "5"
    )
    assert (
        shared_service.http.get("/api/imports?source=ebay&count=exact&limit=1").headers[
            "X-Total-Count"
        ]
        == "2"
    )
    assert "X-Total-Count" not in shared_service.http.get("/api/imports?limit=1").headers


def test_a_total_is_the_same_on_every_page(shared_service: Service, imports: list[str]) -> None:
    first = shared_service.http.get("/api/imports?limit=2&count=exact")
    second = shared_service.http.get(next_page(first))
    assert second.headers["X-Total-Count"] == "5"


def test_it_can_be_had_as_csv(shared_service: Service, imports: list[str]) -> None:
    answer = shared_service.http.get("/api/imports?format=csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert (answer.content_type, [row["import_id"] for row in rows]) == ("text/csv", imports[::-1])
    assert json.loads(rows[0]["links"]) == shared_service.status(imports[-1])["links"]


def test_it_can_be_had_as_lines_of_json(shared_service: Service, imports: list[str]) -> None:
    answer = shared_service.http.get("/api/imports", headers={"Accept": "application/x-ndjson"})
    found = [json.loads(line) for line in answer.text.splitlines()]
    assert (answer.content_type, found) == (
        "application/x-ndjson",
        shared_service.http.get("/api/imports").json,
    )


@pytest.mark.parametrize(
    ("query", "code", "parameter"),
    [
        ("status=done", "invalid_parameter", "status"),
        ("received_after=yesterday", "invalid_parameter", "received_after"),
        ("limit=0", "invalid_parameter", "limit"),
        ("limit=10001", "invalid_parameter", "limit"),
        ("count=yes", "invalid_parameter", "count"),
        ("sha=1", "unknown_parameter", "sha"),
        ("offset=2", "unknown_parameter", "offset"),
        ("page=2", "unknown_parameter", "page"),
    ],
)
def test_what_it_does_not_know_is_refused(
    service: Service, query: str, code: str, parameter: str
) -> None:
    found = service.refusal(f"/api/imports?{query}")
    assert (found["code"], found["parameter"]) == (code, parameter)
