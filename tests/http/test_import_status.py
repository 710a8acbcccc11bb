"""`GET /api/imports/{import_id}`: the status of one import."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from glyphd.importing.status import STALLED_SECONDS
from glyphd.times import utc_text
from tests.service import Service, offers

ROWS = (
    "RTX_A6000,4500,0.9,USA,Acme,2025-07-29T12:00:00Z",
    "L4,2400.5,0.7,EU,Zebra,2025-07-29T13:00:00Z",
)
CSV = offers(*ROWS)
BROKEN = offers(
    ROWS[0], "L4,$2,x,EU,Zebra,2025-07-29T13:00:00Z", "L4,$3,1,EU,Zebra,2025-07-29T13:00:00Z"
)

NEW_OFFERS = dict.fromkeys(
    ("new", "changed", "unchanged", "older", "indistinct", "gone", "back"), 0
) | {"new": 2}
DOCUMENTED = re.findall(
    r"\w+",
    """
    import_id status record_count first_model last_model timestamp
    source description filename content_type size_bytes sha256
    encoding delimiter on_error dry_run complete allow_shrink schema_version
    rows_read error_count bytes_read progress attempt stalled
    received_at started_at heartbeat_at finished_at rolled_back_at
    ignored_columns same_content_as replaces
    error error_summary errors
    links
""",
)
ADDED = {
    "content_encoding",
    "phase",
    "errors_truncated",
    "imported_at",
    "client",
    "user_agent",
    "blank_rows",
    "warnings",
    "summary",
    "effect",
    "upload_id",
    "reason",
    "created_by",
    "changes",
}
SENT = {
    "source": "perplexity",
    "description": None,
    "filename": "scored.csv",
    "content_type": "text/csv",
    "content_encoding": None,
    "size_bytes": len(CSV),
    "encoding": "utf-8",
    "delimiter": ",",
    "on_error": "abort",
    "dry_run": False,
    "complete": False,
    "allow_shrink": False,
    "client": "192.0.2.7",
    "user_agent": "curl/8.9",
    "replaces": None,
    "created_by": None,
}
"""The part of a status about the upload itself."""
ENDED = {
    "status": "succeeded",
    "record_count": 2,
    "first_model": "RTX_A6000",
    "last_model": "L4",
    "schema_version": 2,
    "phase": None,
    "rows_read": 2,
    "error_count": 0,
    "errors_truncated": False,
    "bytes_read": len(CSV),
    "progress": 1.0,
    "attempt": 1,
    "stalled": False,
    "reason": None,
    "ignored_columns": [],
    "blank_rows": 0,
    "same_content_as": None,
    "warnings": [],
    "effect": NEW_OFFERS,
    "error": None,
    "error_summary": [],
    "errors": [],
    "changes": [],
}
"""The rest of the status when both rows are in the archive."""


def _ago(seconds: float) -> str:
    return utc_text(datetime.now(UTC) - timedelta(seconds=seconds))


def test_it_has_the_documented_members_in_their_order(service: Service) -> None:
    members = list(service.import_csv(CSV))
    assert [name for name in members if name not in ADDED] == DOCUMENTED
    assert set(members) == {*DOCUMENTED, *ADDED}


def test_a_finished_import(service: Service) -> None:
    service.http.extra_environ = {"REMOTE_ADDR": "192.0.2.7"}
    status = service.import_csv(
        CSV, "?filename=scored.csv&source=perplexity", User_Agent="curl/8.9"
    )
    elsewhere = ("import_id", "sha256", "links", "summary")
    fixed = {name for name in status if not name.endswith("_at")} - {*elsewhere}
    repeated = {"timestamp": status["finished_at"], "upload_id": status["import_id"]}
    assert {name: status[name] for name in fixed} == SENT | ENDED | repeated


def test_it_links_to_what_belongs_to_it(service: Service) -> None:
    status = service.import_csv(CSV)
    import_id = status["import_id"]
    assert status["links"] == {
        "self": f"/api/imports/{import_id}",
        "listings": f"/api/listings?import_id={import_id}",
        "errors": f"/api/imports/{import_id}/errors",
        "report": f"/api/imports/{import_id}/report.csv",
        "file": f"/api/imports/{import_id}/file",
    }


def test_it_shows_warnings_summary_and_effect_as_the_registry_has_them(service: Service) -> None:
    import_id = service.import_csv(CSV)["import_id"]
    findings: dict[str, Any] = {
        "warnings": [
            {
                "code": "null_markers",
                "message": "m",
                "count": 2,
                "first_lines": [2, 3],
                "hint": None,
            }
        ],
        "summary": {
            "lowest_price": 2400.5,
            "median_price": 3450.25,
            "highest_price": 4500.0,
            "lowest_score": 0.7,
            "median_score": 0.8,
            "highest_score": 0.9,
            "models": 2,
            "sellers": 2,
            "top_models": [{"model": "RTX_A6000", "count": 1}, {"model": "L4", "count": 1}],
        },
        "effect": NEW_OFFERS,
    }
    stored = {name: json.dumps(value) for name, value in findings.items()}
    service.alter(import_id, blank_rows=3, client="192.0.2.7", user_agent="curl/8.9", **stored)
    expected = findings | {"blank_rows": 3, "client": "192.0.2.7", "user_agent": "curl/8.9"}
    status = service.status(import_id)
    assert {name: status[name] for name in expected} == expected


def test_its_links_lead_somewhere(service: Service) -> None:
    for link in service.import_csv(CSV)["links"].values():
        assert service.http.get(link).status_code == 200


def test_a_queued_import_has_nothing_to_show_yet(service: Service) -> None:
    status = service.status(service.upload(CSV).json["import_id"])
    names = (
        "status",
        "record_count",
        "first_model",
        "last_model",
        "attempt",
        "progress",
        "started_at",
        "finished_at",
    )
    assert [status[name] for name in names] == ["queued", 0, None, None, 0, 0.0, None, None]
    assert status["timestamp"] == status["received_at"]


def test_the_times_of_an_import_follow_each_other(service: Service) -> None:
    status = service.import_csv(CSV)
    assert (
        status["received_at"]
        < status["started_at"]
        < status["finished_at"]
        == status["heartbeat_at"]
    )


def test_a_failed_import_says_why(service: Service) -> None:
    status = service.import_csv(BROKEN)
    assert (status["status"], status["record_count"], status["first_model"]) == ("failed", 0, None)
    assert status["error"] == {
        "code": "invalid_rows",
        "message": "3 errors in 3 rows; nothing was written",
    }
    assert (status["rows_read"], status["error_count"]) == (3, 3)


def test_errors_are_grouped_by_field_and_code(service: Service) -> None:
    assert service.import_csv(BROKEN)["error_summary"] == [
        {"field": "price_usd", "code": "not_a_number", "count": 2, "first_lines": [3, 4]},
        {"field": "score", "code": "not_a_number", "count": 1, "first_lines": [3]},
    ]


def test_an_error_has_its_place_and_value(service: Service) -> None:
    assert service.import_csv(BROKEN)["errors"][0] == {
        "row": 2,
        "line": 3,
        "field": "price_usd",
        "column": "price_usd",
        "code": "not_a_number",
        "message": "is not a decimal number",
        "value": "$2",
    }


def test_it_holds_the_first_twenty_errors(service: Service) -> None:
    status = service.import_csv(offers(*["L4,$,1,,,2025-01-01"] * 21))
    assert status["error_count"] == 21
    assert [error["row"] for error in status["errors"]] == list(range(1, 21))


def test_columns_that_nobody_knows_are_listed(service: Service) -> None:
    status = service.import_csv("model,Price,price_usd,score,notes\nL4,9,1,0.5,x\n")
    assert status["ignored_columns"] == ["Price", "notes"]


@pytest.mark.parametrize(
    ("silent_for", "stalled"), [(STALLED_SECONDS - 5, False), (STALLED_SECONDS + 1, True)]
)
def test_a_running_import_without_a_heartbeat_is_stalled(
    service: Service, silent_for: float, stalled: bool
) -> None:
    import_id = service.upload(CSV).json["import_id"]
    service.alter(import_id, status="running", attempt=1, heartbeat_at=_ago(silent_for))
    assert service.status(import_id)["stalled"] is stalled


def test_a_finished_import_is_never_stalled(service: Service) -> None:
    import_id = service.import_csv(CSV)["import_id"]
    service.alter(import_id, heartbeat_at=_ago(3600))
    assert service.status(import_id)["stalled"] is False


@pytest.mark.parametrize("path", ["/api/imports/{}", "/api/import/{}"])
@pytest.mark.parametrize(
    "import_id", ["550e8400-e29b-41d4-a716-446655440000", "%C3%BC", "a%00b", "x" * 64]
)
def test_an_unknown_id_is_404(service: Service, path: str, import_id: str) -> None:
    assert service.refusal(path.format(import_id), 404)["code"] == "import_not_found"


def test_what_can_be_no_id_is_404(service: Service) -> None:
    assert service.refusal(f"/api/imports/{'x' * 65}", 404)["code"] == "not_found"


def test_both_paths_give_the_same(service: Service) -> None:
    import_id = service.import_csv(CSV)["import_id"]
    assert service.http.get(f"/api/import/{import_id}").json == service.status(import_id)


def test_who_has_the_status_already_gets_304(service: Service) -> None:
    path = f"/api/imports/{service.import_csv(CSV)['import_id']}"
    etag = service.http.get(path).headers["ETag"]
    answer = service.http.get(path, headers={"If-None-Match": f'"other", W/{etag}'}, status=304)
    assert (answer.body, answer.headers["ETag"]) == (b"", etag)


def test_the_etag_changes_with_the_status(service: Service) -> None:
    path = f"/api/imports/{service.upload(CSV).json['import_id']}"
    etag = service.http.get(path).headers["ETag"]
    service.work()
    assert service.http.get(path, headers={"If-None-Match": etag}).status_code == 200


def test_only_an_unfinished_import_says_when_to_ask_again(service: Service) -> None:
    path = f"/api/imports/{service.upload(CSV).json['import_id']}"
    assert service.http.get(path).headers["Retry-After"] == "1"
    service.work()
    assert "Retry-After" not in service.http.get(path).headers
