"""The folder of CSV files: each has the outcome in the JSON file next to it, through HTTP and a
worker.

A case's `.json` has a `rule`; `options` and `headers` to send the file with; and either the answer
of the door (`http`, and the `problem` without its sentences) or the result of the `import`, as far
as it differs from a success without errors, and the columns and rows of its `listings`. `says` is a
part of the sentence to the user.
"""

import json
from typing import Any

import pytest

from tests.importing.cases import CASES, FILES, REFUSED, TAKEN, send_case
from tests.service import Service, problem

SUCCESS: dict[str, Any] = {
    "status": "succeeded",
    "error": None,
    "errors": [],
    "ignored_columns": [],
    "blank_rows": 0,
    "warnings": [],
    "delimiter": ",",
    "encoding": "utf-8",
    "dry_run": False,
}

ABOUT_OFFERS = {"indistinct_rows", "repeated_rows"}
"""Warnings from comparisons of rows with each other: most of these files name no seller."""


def test_every_file_has_its_json_and_every_json_its_file() -> None:
    assert FILES.keys() == CASES.keys()


@pytest.mark.parametrize("name", REFUSED)
def test_the_door_refuses_and_keeps_nothing(name: str, service: Service) -> None:
    case = CASES[name]
    answer = send_case(service, name, status=case["http"])
    found = problem(answer)
    _assert_same(
        {key: found[key] for key in found.keys() - {"type", "title", "status", "detail"}},
        case["problem"],
    )
    _assert_says(case, found["detail"])
    assert service.kept() == []
    assert service.http.get("/api/imports").json == []


@pytest.mark.parametrize("name", TAKEN)
def test_the_import_ends_as_described(name: str, service: Service) -> None:
    case = CASES[name]
    import_id = send_case(service, name, status=202).json["import_id"]
    service.work()
    status = service.status(import_id)
    rows = case.get("listings", {"columns": ["model"], "rows": []})
    expected = SUCCESS | {"record_count": len(rows["rows"])} | case.get("import", {})
    expected.setdefault("error_count", len(expected["errors"]))
    _assert_says(case, (status["error"] or {}).get("message"))
    _assert_same({key: _shown(key, status[key]) for key in expected}, expected)
    listings = service.listings(f"?import_id={import_id}&fields={','.join(rows['columns'])}")
    _assert_same([list(row.values()) for row in listings], rows["rows"])


def test_a_row_without_a_time_was_seen_when_its_upload_was_received(service: Service) -> None:
    status = service.import_csv("model,price_usd,score,seen_at\nA,1,0.5,\nB,1,0.5,2025-07-29\n")
    seen_at = [row["seen_at"] for row in service.listings(f"?import_id={status['import_id']}")]
    assert seen_at == [status["received_at"], "2025-07-29T00:00:00.000000Z"]


def _shown(key: str, value: Any) -> Any:
    """A part of the status in the form of the cases: an error by its code, row errors and warnings
    without sentences."""
    if key == "error":
        return value and value["code"]
    if key == "warnings":
        assert all(warning["message"] and warning["hint"] for warning in value)
        about_file = [warning for warning in value if warning["code"] not in ABOUT_OFFERS]
        return [
            {name: warning[name] for name in ("code", "count", "first_lines")}
            for warning in about_file
        ]
    if key == "errors":
        assert all(error["message"] for error in value)
        return [{name: error[name] for name in error.keys() - {"message"}} for error in value]
    return value


def _assert_says(case: dict[str, Any], sentence: str | None) -> None:
    for part in case.get("says", []):
        assert part in str(sentence)


def _assert_same(found: Any, expected: Any) -> None:
    """Equal as JSON: 1 is neither true nor 1.0."""
    assert _text(found) == _text(expected)


def _text(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False)
