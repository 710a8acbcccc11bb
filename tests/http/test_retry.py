"""`POST /api/imports/{import_id}/retry`: a failed or cancelled import once more, from the kept file."""

from typing import Any

import pytest

from tests.service import Service, offers, problem

BAD_ROW = offers("RTX_A6000,x,0.9,USA,Acme,", "RTX_A6000,4500,0.9,USA,Acme,")
GOOD = offers("RTX_A6000,4500,0.9,USA,Acme,")


def _retry(service: Service, import_id: str, query: str = "", **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return service.http.post(f"/api/imports/{import_id}/retry{query}", headers=named)


def test_a_failed_import_runs_again_with_other_options(service: Service) -> None:
    failed = service.import_csv(BAD_ROW, "?source=perplexity")
    answer = _retry(service, failed["import_id"], "?on_error=skip")
    service.work()
    again = service.status(answer.json["import_id"])
    assert (answer.status_code, answer.headers["Location"]) == (202, f"/api/imports/{again['import_id']}")
    assert (again["status"], again["record_count"], again["replaces"]) == ("succeeded", 1, failed["import_id"])
    assert (again["source"], again["on_error"]) == ("perplexity", "skip")


def test_a_retry_is_of_the_same_upload(service: Service) -> None:
    failed = service.import_csv(BAD_ROW)
    again = _retry(service, failed["import_id"]).json
    same = ("sha256", "size_bytes", "received_at", "filename")
    assert [again[name] for name in same] == [failed[name] for name in same]
    assert service.http.get(again["links"]["file"]).body == BAD_ROW.encode()


def test_a_cancelled_import_can_be_retried(service: Service) -> None:
    import_id = service.upload(GOOD).json["import_id"]
    service.http.post(f"/api/imports/{import_id}/cancel")
    again = _retry(service, import_id).json["import_id"]
    service.work()
    assert service.status(again)["status"] == "succeeded"


def test_rows_without_a_time_keep_that_of_the_upload(service: Service) -> None:
    failed = service.import_csv(BAD_ROW)
    again = _retry(service, failed["import_id"], "?on_error=skip").json["import_id"]
    service.work()
    assert service.listings(f"?import_id={again}")[0]["seen_at"] == failed["received_at"]


def test_a_retry_with_a_key_is_made_once(service: Service) -> None:
    failed = service.import_csv(BAD_ROW)
    first = _retry(service, failed["import_id"], Idempotency_Key="again").json
    second = _retry(service, failed["import_id"], Idempotency_Key="again")
    assert (second.json["import_id"], second.headers["Idempotent-Replayed"]) == (first["import_id"], "true")


@pytest.mark.parametrize("ends", [True, False])
def test_an_import_that_has_not_failed_can_not_be_retried(service: Service, ends: bool) -> None:
    import_id = service.upload(GOOD).json["import_id"]
    if ends:
        service.work()
    answer = service.http.post(f"/api/imports/{import_id}/retry", status=409)
    assert problem(answer)["code"] == "import_not_retryable"


def test_options_that_the_file_can_not_bear_are_refused_at_the_door(service: Service) -> None:
    failed = service.import_csv(BAD_ROW)
    answer = service.http.post(f"/api/imports/{failed['import_id']}/retry?delimiter=tab", status=422)
    assert problem(answer)["code"] == "file_refused"


def test_an_unknown_import_is_not_found(service: Service) -> None:
    assert problem(service.http.post("/api/imports/nobody/retry", status=404))["code"] == "import_not_found"
