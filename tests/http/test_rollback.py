"""`POST /api/imports/{import_id}/rollback` and `…/restore`: an import no longer counts, and counts
again."""

from typing import Any

import pytest

from tests.service import Service, offers, problem

MONDAY = offers("L4,2400,0.9,USA,Acme,2025-07-28", "A100,9000,0.8,USA,Acme,2025-07-28")
TUESDAY = offers("L4,2300,0.9,USA,Acme,2025-07-29", "H100,25000,0.7,USA,Acme,2025-07-29")


def _change(service: Service, import_id: str, kind: str, query: str = "", **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return service.http.post(f"/api/imports/{import_id}/{kind}{query}", headers=named)


def _changed(service: Service, import_id: str, kind: str, query: str = "") -> dict[str, Any]:
    _change(service, import_id, kind, query)
    service.work()
    return service.status(import_id)


def _prices(service: Service, query: str = "") -> dict[str, float]:
    return {row["model"]: row["price_usd"] for row in service.listings(query)}


@pytest.mark.every_way
def test_a_rollback_takes_the_rows_out_of_the_current_view(service: Service) -> None:
    service.import_csv(MONDAY)
    tuesday = service.import_csv(TUESDAY)["import_id"]
    assert _prices(service) == {"L4": 2300, "A100": 9000, "H100": 25000}
    status = _changed(service, tuesday, "rollback")
    assert _prices(service) == {"L4": 2400, "A100": 9000}
    assert (status["status"], status["rolled_back_at"] is None) == ("succeeded", False)


@pytest.mark.every_way
def test_a_restore_brings_them_back(service: Service) -> None:
    service.import_csv(MONDAY)
    tuesday = service.import_csv(TUESDAY)["import_id"]
    before = service.listings()
    _changed(service, tuesday, "rollback")
    status = _changed(service, tuesday, "restore")
    assert service.listings() == before
    assert status["rolled_back_at"] is None


@pytest.mark.every_way
def test_no_event_is_deleted(service: Service) -> None:
    import_id = service.import_csv(MONDAY)["import_id"]
    brought = service.listings(f"?import_id={import_id}")
    at = _changed(service, import_id, "rollback")["rolled_back_at"]
    assert service.listings() == []
    assert service.listings(f"?import_id={import_id}") == [
        row | {"rolled_back_at": at} for row in brought
    ]
    assert len(service.listings("?history=true")) == 2


@pytest.mark.every_way
def test_it_is_answered_at_once_with_the_status_when_a_worker_is_there(
    live_service: Service,
) -> None:
    import_id = live_service.upload(MONDAY, Prefer="wait=60").json["import_id"]
    answer = _change(live_service, import_id, "rollback", Prefer="wait=60")
    assert (answer.status_code, answer.json["import_id"]) == (200, import_id)
    assert answer.json["rolled_back_at"] is not None


def test_it_is_202_with_the_status_while_it_waits(service: Service) -> None:
    import_id = service.import_csv(MONDAY)["import_id"]
    answer = _change(service, import_id, "rollback")
    assert (answer.status_code, answer.headers["Location"]) == (202, f"/api/imports/{import_id}")
    assert answer.json["rolled_back_at"] is None


@pytest.mark.every_way
def test_asking_again_joins_the_one_under_way(service: Service) -> None:
    import_id = service.import_csv(MONDAY)["import_id"]
    answers = [_change(service, import_id, "rollback").status_code for _ in range(3)]
    service.work()
    assert answers == [202, 202, 202]
    assert len(service.changes()) == 1


@pytest.mark.every_way
def test_the_opposite_of_one_under_way_is_refused(service: Service) -> None:
    import_id = service.import_csv(MONDAY)["import_id"]
    _change(service, import_id, "rollback")
    answer = service.http.post(f"/api/imports/{import_id}/restore", status=409)
    assert problem(answer)["code"] == "change_pending"


@pytest.mark.every_way
@pytest.mark.parametrize("kind", ["rollback", "restore"])
def test_what_stands_like_that_already_is_refused(service: Service, kind: str) -> None:
    import_id = service.import_csv(MONDAY)["import_id"]
    if kind == "rollback":
        _changed(service, import_id, "rollback")
    answer = service.http.post(f"/api/imports/{import_id}/{kind}", status=409)
    assert problem(answer)["code"] == "nothing_to_change"


@pytest.mark.parametrize("query", ["?dry_run=true", "?delimiter=;"])
def test_an_import_without_rows_is_refused(service: Service, query: str) -> None:
    csv = MONDAY if "dry" in query else MONDAY.replace(",", ";").replace(";2400;", ";x;")
    import_id = service.import_csv(csv, query)["import_id"]
    answer = service.http.post(f"/api/imports/{import_id}/rollback", status=409)
    assert problem(answer)["code"] == "import_not_succeeded"


def test_an_unknown_import_is_404(service: Service) -> None:
    assert (
        problem(service.http.post("/api/imports/nothing/rollback", status=404))["code"]
        == "import_not_found"
    )


@pytest.mark.parametrize(
    ("query", "body", "content_type"),
    [
        ("?reason=wrong%20currency", "", "text/plain"),
        ("", "reason=wrong+currency", "application/x-www-form-urlencoded"),
        ("", '{"reason": "wrong currency"}', "application/json"),
    ],
)
def test_the_reason_is_kept_with_the_time(
    service: Service, query: str, body: str, content_type: str
) -> None:
    import_id = service.import_csv(MONDAY)["import_id"]
    service.post(f"/api/imports/{import_id}/rollback{query}", body, {"Content-Type": content_type})
    service.work()
    (change,) = service.changes()
    assert (change.kind, change.reason) == ("rollback", "wrong currency")
    assert change.changed_at == service.status(import_id)["rolled_back_at"]


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        ("cause=x", "application/x-www-form-urlencoded", 400, "unknown_parameter"),
        ('{"reason": {}}', "application/json", 400, "malformed_body"),
        ('{"reason": null}', "application/json", 400, "malformed_body"),
        ('{"reason": "a", "reason": "b"}', "application/json", 400, "malformed_body"),
        ('{"reason": ["a", "b"]}', "application/json", 400, "invalid_parameter"),
        ("[]", "application/json", 400, "malformed_body"),
        ("{", "application/json", 400, "malformed_body"),
        ("reason", "text/csv", 415, "unsupported_media_type"),
        ("reason=%FF", "application/x-www-form-urlencoded", 400, "invalid_request"),
        ("reason=" + "x" * 20000, "application/x-www-form-urlencoded", 413, "too_large"),
    ],
)
def test_a_bad_reason_is_refused(
    service: Service, body: str, content_type: str, status: int, code: str
) -> None:
    import_id = service.import_csv(MONDAY)["import_id"]
    path = f"/api/imports/{import_id}/rollback"
    answer = service.post(path, body, {"Content-Type": content_type}, status=status)
    assert problem(answer)["code"] == code


@pytest.mark.every_way
def test_a_rolled_back_import_does_not_count_as_the_same_content(service: Service) -> None:
    first = service.import_csv(MONDAY)["import_id"]
    _changed(service, first, "rollback")
    assert service.import_csv(MONDAY)["same_content_as"] is None


@pytest.mark.every_way
def test_a_listing_without_events_that_count_is_not_current(service: Service) -> None:
    import_id = service.import_csv(offers("L4,2400,0.9,USA,Acme,2025-07-28"))["import_id"]
    listing_id = service.listings()[0]["listing_id"]
    _changed(service, import_id, "rollback")
    assert service.refusal(f"/api/listings/{listing_id}", 404)["code"] == "listing_not_current"
