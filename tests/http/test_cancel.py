"""`POST /api/imports/{import_id}/cancel`: cancels an import."""

import pytest

from glyphd.contracts.import_contracts import ImportStatus
from tests.service import Service, StartService, offers, problem

pytestmark = pytest.mark.every_way

CSV = offers("RTX_A6000,4500,0.9,USA,Acme,2025-07-29T12:00:00Z")


def _cancel(service: Service, import_id: str) -> str:
    return f"/api/imports/{import_id}/cancel"


def test_a_queued_import_is_cancelled_at_once(service: Service) -> None:
    import_id = service.upload(CSV).json["import_id"]
    answer = service.http.post(_cancel(service, import_id))
    assert (answer.status_code, answer.json["status"]) == (200, "cancelled")
    assert answer.json["finished_at"] == answer.json["timestamp"]


def test_a_cancelled_import_leaves_no_row(service: Service) -> None:
    import_id = service.upload(CSV).json["import_id"]
    service.http.post(_cancel(service, import_id))
    service.work()
    assert service.status(import_id)["status"] == "cancelled"
    assert service.listings() == []


def test_an_import_that_somebody_runs_is_told(service: Service) -> None:
    import_id = service.upload(CSV).json["import_id"]
    (job,) = service.services.registry.unfinished()
    with service.services.locks.hold(job.id):
        answer = service.http.post(_cancel(service, import_id))
    assert (answer.status_code, answer.json["status"]) == (202, "queued")
    service.work()
    assert service.status(import_id)["status"] == "cancelled"


def test_an_import_whose_batch_is_written_has_succeeded(service: Service) -> None:
    import_id = service.import_csv(CSV)["import_id"]
    service.alter(import_id, status=ImportStatus.RUNNING)
    assert service.http.post(_cancel(service, import_id)).status_code == 202
    service.work()
    assert service.status(import_id)["status"] == "succeeded"


def test_an_import_that_has_ended_can_not_be_cancelled(service: Service) -> None:
    import_id = service.import_csv(CSV)["import_id"]
    assert (
        problem(service.http.post(_cancel(service, import_id), status=409))["code"]
        == "import_final"
    )


def test_an_unknown_import_is_not_found(service: Service) -> None:
    assert (
        problem(service.http.post(_cancel(service, "nobody"), status=404))["code"]
        == "import_not_found"
    )


def test_uploads_beyond_the_cap_are_refused_until_one_has_ended(
    start_service: StartService,
) -> None:
    service = start_service(max_imports_waiting=2)
    first = service.upload(CSV).json["import_id"]
    service.upload(CSV)
    refused = service.post("/api/import", CSV, {"Content-Type": "text/csv"}, status=503)
    assert (problem(refused)["code"], refused.headers["Retry-After"]) == ("too_many_imports", "5")
    service.http.post(_cancel(service, first))
    assert service.upload(CSV).status_code == 202
