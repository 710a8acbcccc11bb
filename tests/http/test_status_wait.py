"""`?wait=N` on the status of an import."""

from threading import Timer

import pytest

from tests.service import Service, offers, problem

CSV = offers("RTX_A6000,4500,0.9,USA,Acme,2025-07-29T12:00:00Z")


def test_the_answer_comes_when_the_status_is_another(service: Service) -> None:
    import_id = service.upload(CSV).json["import_id"]
    worker = Timer(0.1, service.work)
    worker.start()
    answer = service.http.get(f"/api/imports/{import_id}?wait=60")
    worker.join()
    assert answer.json["status"] in ("running", "succeeded")


def test_a_final_status_is_told_at_once(service: Service) -> None:
    import_id = service.import_csv(CSV)["import_id"]
    assert service.http.get(f"/api/imports/{import_id}?wait=60").json["status"] == "succeeded"


def test_when_the_time_is_up_the_status_is_as_it_was(service: Service) -> None:
    import_id = service.upload(CSV).json["import_id"]
    assert service.http.get(f"/api/imports/{import_id}?wait=1").json["status"] == "queued"


@pytest.mark.parametrize("wait", ["61", "-1", "soon", "1.5"])
def test_refuses_a_time_that_is_none(service: Service, wait: str) -> None:
    import_id = service.upload(CSV).json["import_id"]
    answer = service.http.get(f"/api/imports/{import_id}?wait={wait}", status=400)
    assert problem(answer)["parameter"] == "wait"
