"""`POST /api/persist/listings`: rows as JSON, all of them or none."""

import json
from typing import Any

import pytest
from webtest import TestResponse

from tests.service import Service, StartService, problem

pytestmark = pytest.mark.every_way

PATH = "/api/persist/listings"
ROW = {"model": "RTX_A6000", "price_usd": 4500, "score": 0.9, "seen_at": "2025-07-29T12:00:00Z"}
OTHER = {"canonical_model": "L4", "price": "2400.5", "final_score": 0.7, "geographic_region": "EU"}
BAD = [
    ROW,
    {"model": "", "price_usd": -1, "score": 0.5},
    {"model": "L4", "price_usd": "$9", "score": 0.5},
    "a text",
    {"model": "L4", "price": 1, "price_usd": {"usd": 1}, "score": 1},
]


def _post(
    service: Service, content: Any, status: int | None = None, **headers: str
) -> TestResponse:
    return service.http.post_json(PATH, content, headers=headers, status=status)


def _refused(service: Service, answer: TestResponse) -> dict[str, Any]:
    """The problem; also checks that nothing was written."""
    assert service.kept() == []
    assert service.http.get("/api/imports").json == []
    return problem(answer)


def test_the_call_waits_for_the_rows_to_be_in(live_service: Service) -> None:
    answer = _post(live_service, [ROW, OTHER])
    assert (answer.status_code, answer.json["status"], answer.json["record_count"]) == (
        200,
        "succeeded",
        2,
    )
    rows = live_service.listings(f"?import_id={answer.json['import_id']}")
    assert [(row["model"], row["price_usd"], row["score"], row["region"]) for row in rows] == [
        ("RTX_A6000", 4500.0, 0.9, None),
        ("L4", 2400.5, 0.7, "EU"),
    ]


def test_without_a_worker_the_answer_comes_at_once(service: Service) -> None:
    answer = _post(service, [ROW])
    assert (answer.status_code, answer.json["status"]) == (202, "queued")
    service.work()
    assert service.status(answer.json["import_id"])["status"] == "succeeded"


@pytest.mark.parametrize("prefer", ["respond-async", "wait=0"])
def test_the_client_says_how_long_it_waits(service: Service, prefer: str) -> None:
    service.greet()
    answer = _post(service, [ROW], Prefer=prefer)
    assert (answer.status_code, answer.json["status"]) == (202, "queued")


def test_the_answer_says_where_the_import_is_found(live_service: Service) -> None:
    answer = _post(live_service, [ROW])
    assert answer.headers["Location"] == f"/api/imports/{answer.json['import_id']}"


def test_the_rows_are_kept_one_a_line_as_they_came(service: Service) -> None:
    import_id = _post(service, [OTHER, ROW | {"seller": "Größe"}]).json["import_id"]
    kept = service.kept_bytes(f"{import_id}.ndjson").decode("utf-8")
    assert [json.loads(line) for line in kept.splitlines()] == [OTHER, ROW | {"seller": "Größe"}]


def test_a_row_may_not_choose_its_import(live_service: Service) -> None:
    status = _post(live_service, [ROW | {"import_id": "mine"}]).json
    assert status["ignored_columns"] == []
    assert live_service.listings()[0]["import_id"] == status["import_id"] != "mine"


def test_unknown_members_are_listed_as_ignored(live_service: Service) -> None:
    assert _post(live_service, [ROW | {"match_notes": "x"}]).json["ignored_columns"] == [
        "match_notes"
    ]


def test_values_may_be_of_any_json_kind_that_fits(live_service: Service) -> None:
    row = ROW | {
        "quantity": "Available",
        "nvlink": True,
        "mig_capable": False,
        "heuristics": {"a": [1, None]},
    }
    _post(live_service, [row])
    found = live_service.listings("?fields=quantity,availability,nvlink,mig_capable,heuristics")[0]
    assert found == {
        "quantity": None,
        "availability": "Available",
        "nvlink": True,
        "mig_capable": 0,
        "heuristics": {"a": [1, None]},
    }


def test_one_bad_row_refuses_all_of_them(service: Service) -> None:
    found = _refused(service, _post(service, BAD, status=422))
    assert (found["code"], found["error_count"]) == ("invalid_rows", 5)


def test_every_error_is_told_with_index_field_and_code(service: Service) -> None:
    errors = _post(service, BAD, status=422).json["errors"]
    assert [(error["index"], error["field"], error["code"]) for error in errors] == [
        (1, "model", "missing_value"),
        (1, "price_usd", "out_of_range"),
        (2, "price_usd", "not_a_number"),
        (3, None, "not_an_object"),
        (4, "price_usd", "wrong_type"),
    ]
    assert all(error["message"] for error in errors)


@pytest.mark.parametrize(
    ("column", "value", "shown"),
    [
        ("seller", True, "true"),
        ("vram_gb", True, "true"),
        ("vram_gb", [1, None], "[1, null]"),
        ("vram_gb", "one", "one"),
    ],
)
def test_a_refused_value_is_shown_as_it_was_sent(
    service: Service, column: str, value: Any, shown: str
) -> None:
    (error,) = _post(service, [ROW | {column: value}], status=422).json["errors"]
    assert (error["field"], error["value"]) == (column, shown)


@pytest.mark.parametrize(
    "body",
    [b"", b"[{", b"[NaN]", b"\xff", b"{}", b'"text"', b"null", b"[]"],
    ids=[
        "nothing",
        "cut short",
        "NaN",
        "not UTF-8",
        "an object",
        "a text",
        "null",
        "an empty array",
    ],
)
def test_anything_but_an_array_of_rows_is_422(service: Service, body: bytes) -> None:
    answer = service.post(PATH, body, {"Content-Type": "application/json"}, status=422)
    assert _refused(service, answer)["code"] == "file_refused"


@pytest.mark.parametrize("headers", [{"Content-Type": "text/csv"}, {"Content-Encoding": "gzip"}])
def test_anything_but_plain_json_is_415(service: Service, headers: dict[str, str]) -> None:
    sent = {"Content-Type": "application/json"} | headers
    answer = service.post(PATH, json.dumps([ROW]), sent, status=415)
    assert _refused(service, answer)["offered"] == ["application/json"]


def test_a_body_over_the_cap_is_413(start_service: StartService) -> None:
    service = start_service(max_json_bytes=50)
    found = _refused(service, _post(service, [ROW], status=413))
    assert (found["code"], found["limit"]) == ("too_large", 50)


def test_it_keeps_source_and_description(service: Service) -> None:
    accepted = service.http.post_json(f"{PATH}?source=a&description=b", [ROW]).json
    assert (accepted["source"], accepted["description"]) == ("a", "b")


def test_it_takes_no_option_of_a_file(service: Service) -> None:
    answer = service.http.post_json(f"{PATH}?delimiter=,", [ROW], status=400)
    found = _refused(service, answer)
    assert (found["code"], found["parameter"]) == ("unknown_parameter", "delimiter")
    assert found["known"] == ["source", "description", "complete", "allow_shrink"]
