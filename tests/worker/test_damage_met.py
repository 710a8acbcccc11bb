"""A job that meets damage: it fails for that reason, and runs again once the archive is
repaired."""

import json
import shutil
from typing import Any

import pytest
from peewee import IntegrityError
from structlog.testing import capture_logs

from glyphd.importing.integrity_log import IntegrityLog
from tests.damaging import overwrite_table, settle
from tests.service import Service, offers, problem
from tests.worker.conftest import MakeContext
from tests.worker.uploads import failing
from worker.context import WorkerContext
from worker.run_job import run_job

ROW = "L4,2400,0.7,EU,Acme,2025-07-29"


def _damage(service: Service, table: str = "scored_listings") -> None:
    service.import_csv(offers(ROW))
    overwrite_table(service.settings.archive_path, table)


@pytest.mark.parametrize(
    "table", ["scored_listings", "scored_listings_by_import", "import_batches", "listing_keys"]
)
def test_the_import_fails_and_says_what_to_do(service: Service, table: str) -> None:
    _damage(service, table)
    status = service.import_csv(offers(ROW))
    error = status["error"]
    assert (status["status"], error["code"]) == ("failed", "archive_damaged")
    assert (
        "restore a backup or rebuild the archive with `glyphd rebuild`, then retry"
        in error["message"]
    )
    assert str(service.settings.data_dir) not in json.dumps(status)


def test_the_service_is_not_ready_from_then_on(service: Service) -> None:
    _damage(service)
    service.greet()
    service.import_csv(offers(ROW))
    assert "damage in the archive" in service.refusal("/api/ready", 503)["checks"]["integrity"]


def test_once_the_archive_is_repaired_retry_runs_it_again(service: Service) -> None:
    service.import_csv(offers(ROW))
    archive = service.settings.archive_path
    settle(archive)
    shutil.copy(archive, archive.with_name("backup"))
    overwrite_table(archive, "scored_listings")
    failed = service.import_csv(offers(ROW))
    for leftover in archive.parent.glob("gpu.sqlite-*"):
        leftover.unlink()
    shutil.copy(archive.with_name("backup"), archive)
    again = service.http.post(f"/api/imports/{failed['import_id']}/retry").json["import_id"]
    service.work()
    assert service.status(again)["status"] == "succeeded"


def test_a_rollback_fails_in_the_same_way(service: Service) -> None:
    import_id = service.import_csv(offers(ROW))["import_id"]
    overwrite_table(service.settings.archive_path, "scored_listings")
    with service.live_worker():
        answer = service.http.post(
            f"/api/imports/{import_id}/rollback", headers={"Prefer": "wait=30"}, status=500
        )
    assert problem(answer)["code"] == "archive_damaged"


def test_it_is_one_line_in_the_log(service: Service) -> None:
    _damage(service)
    with capture_logs() as lines:
        service.import_csv(offers(ROW))
    told = [line for line in lines if line["log_level"] == "error"]
    assert [line["event"] for line in told] == ["database_damaged"]
    assert "exc_info" not in told[0]


def test_a_damaged_registry_ends_no_worker(service: Service, context: WorkerContext) -> None:
    job_id = _job_id(service)
    overwrite_table(service.settings.registry_path, "jobs")
    with capture_logs() as lines:
        run_job(context, job_id)
    assert [(line["event"], line["log_level"]) for line in lines] == [("database_damaged", "error")]


def test_an_error_of_the_database_that_nobody_can_explain_makes_it_suspect(
    service: Service, make_context: MakeContext
) -> None:
    context = make_context(
        failing(service.settings, IntegrityError("UNIQUE constraint failed: import_batches.id"))
    )
    run_job(context, _job_id(service))
    assert context.is_suspect.is_set()
    assert IntegrityLog(service.services.registry).last() is None


def _job_id(service: Service) -> int:
    accepted: dict[str, Any] = service.upload(offers(ROW)).json
    job = service.services.registry.find_import(accepted["import_id"])
    assert job is not None
    return int(job.id)
