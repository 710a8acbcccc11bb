"""Running queued jobs in the calling process."""

import pytest

from tests.service import Service, offers
from worker import run_pending

pytestmark = pytest.mark.every_way

ROW = "L4,2400,0.7,EU,Acme,2025-07-29"


def test_everything_queued_is_run_oldest_first(service: Service) -> None:
    ids = [service.upload(offers(ROW)).json["import_id"] for _ in range(3)]
    assert run_pending(service.services) == 3
    found = [service.status(import_id) for import_id in ids]
    assert [status["status"] for status in found] == ["succeeded"] * 3
    assert [status["finished_at"] for status in found] == sorted(
        status["finished_at"] for status in found
    )


def test_nothing_queued_is_nothing_to_run(service: Service) -> None:
    assert run_pending(service.services) == 0
    service.import_csv(offers(ROW))
    assert run_pending(service.services) == 0


def test_one_that_fails_does_not_keep_the_next_from_running(service: Service) -> None:
    service.upload(offers("L4,$,1,,,2025-01-01"))
    import_id = service.upload(offers(ROW)).json["import_id"]
    run_pending(service.services)
    assert service.status(import_id)["status"] == "succeeded"
