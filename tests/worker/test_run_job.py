"""The life of a job in the worker, whatever befalls it."""

import errno
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from peewee import InterfaceError, OperationalError

from glyphd.db.registry_models import Job
from glyphd.errors import NotReady, StorageFull
from glyphd.importing.claims import LONGEST_REST_SECONDS, Claim
from glyphd.importing.registry import Registry
from tests.importing.jobs import from_now
from tests.service import Service, offers
from tests.worker.conftest import MakeContext
from tests.worker.uploads import EventfulUploads, failing
from worker.context import WorkerContext
from worker.run_job import MAX_LOST_ATTEMPTS, run_job

ROW = "L4,2400,0.7,EU,Acme,2025-07-29"
BAD_ROW = "L4,$2400,0.7,EU,Acme,2025-07-29"
NO_ROOM = OSError(errno.ENOSPC, "No space left on device")


def _upload(service: Service, *rows: str, query: str = "") -> Job:
    """A queued import of these rows, one good one unless given."""
    import_id = service.upload(offers(*rows or (ROW,)), query).json["import_id"]
    return _job(service, import_id)


def _job(service: Service, import_id: str) -> Job:
    job = service.services.registry.find_import(import_id)
    assert job is not None
    return job


def _run_while_locked(service: Service, context: WorkerContext, job: Job) -> None:
    """Runs the job while somebody else writes to the archive and does not stop."""
    archive: Any = context.archive
    archive.timeout = 0.05
    with closing(sqlite3.connect(service.settings.archive_path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        run_job(context, job.id)


class Unwritable(Registry):
    """A registry that refuses to record outcomes, so many times."""

    def __init__(self, registry: Registry, refusals: int) -> None:
        super().__init__(registry.database)
        self.refusals = refusals

    def update_claimed(self, claim: Claim, **values: Any) -> None:
        if "status" in values and self.refusals:
            self.refusals -= 1
            raise OperationalError("attempt to write a readonly database")
        super().update_claimed(claim, **values)


def test_a_job_that_succeeds(service: Service, context: WorkerContext) -> None:
    job = _upload(service, ROW, ROW.replace("L4", "A"))
    run_job(context, job.id)
    job = _job(service, job.import_id)
    assert (job.status, job.attempt, job.lost_count, job.progress, job.phase) == (
        "succeeded",
        1,
        0,
        1.0,
        None,
    )
    assert (job.record_count, job.rows_read, job.first_model, job.last_model) == (2, 2, "L4", "A")
    assert len(service.listings(f"?import_id={job.import_id}")) == 2


@pytest.mark.parametrize(
    ("query", "rows", "outcome"),
    [
        ("", (ROW, BAD_ROW), ("failed", 0, 1)),
        ("?on_error=skip", (ROW, BAD_ROW), ("succeeded", 1, 1)),
        ("?on_error=skip", (BAD_ROW, BAD_ROW), ("failed", 0, 2)),
        ("?dry_run=true", (ROW, ROW), ("succeeded", 2, 0)),
        ("?dry_run=true", (ROW, BAD_ROW), ("failed", 0, 1)),
        ("?dry_run=true&on_error=skip", (ROW, BAD_ROW), ("succeeded", 1, 1)),
    ],
)
def test_options_decide_what_a_bad_row_does(
    service: Service,
    context: WorkerContext,
    query: str,
    rows: tuple[str, ...],
    outcome: tuple[str, int, int],
) -> None:
    job = _upload(service, *rows, query=query)
    run_job(context, job.id)
    job = _job(service, job.import_id)
    assert (job.status, job.record_count, job.error_count) == outcome
    assert len(service.listings(f"?import_id={job.import_id}")) == (
        0 if job.dry_run else job.record_count
    )


def test_a_finished_job_is_not_run_again(service: Service, make_context: MakeContext) -> None:
    status = service.import_csv(offers(ROW))
    run_job(
        make_context(failing(service.settings, AssertionError())),
        _job(service, status["import_id"]).id,
    )
    assert service.status(status["import_id"]) == status


def test_a_job_that_nobody_knows_is_no_matter(context: WorkerContext) -> None:
    run_job(context, 4711)


def test_a_job_that_another_process_runs_is_left_to_it(
    service: Service, context: WorkerContext
) -> None:
    job = _upload(service)
    with service.services.locks.hold(job.id):
        run_job(context, job.id)
    assert _job(service, job.import_id).attempt == 0


def test_a_job_whose_worker_died_is_run_again(service: Service, context: WorkerContext) -> None:
    job = _upload(service)
    service.alter(job.import_id, status="running", attempt=1)
    run_job(context, job.id)
    job = _job(service, job.import_id)
    assert (job.status, job.attempt, job.lost_count) == ("succeeded", 2, 1)


def test_after_five_lost_attempts_it_is_given_up(service: Service, context: WorkerContext) -> None:
    job = _upload(service)
    service.alter(
        job.import_id, status="running", attempt=MAX_LOST_ATTEMPTS, lost_count=MAX_LOST_ATTEMPTS - 1
    )
    run_job(context, job.id)
    job = _job(service, job.import_id)
    assert (job.status, job.error_code, job.lost_count) == ("failed", "worker_lost", 5)
    assert service.listings() == []


def test_after_four_it_is_tried_once_more(service: Service, context: WorkerContext) -> None:
    job = _upload(service)
    service.alter(
        job.import_id,
        status="running",
        attempt=MAX_LOST_ATTEMPTS - 1,
        lost_count=MAX_LOST_ATTEMPTS - 2,
    )
    run_job(context, job.id)
    assert _job(service, job.import_id).status == "succeeded"


@pytest.mark.parametrize("lost_count", [0, MAX_LOST_ATTEMPTS])
def test_what_is_in_the_archive_has_succeeded_whatever_was_thought(
    service: Service, context: WorkerContext, lost_count: int
) -> None:
    before = service.import_csv(offers(ROW, BAD_ROW), "?on_error=skip")
    forgotten = {
        "record_count": 0,
        "rows_read": 0,
        "error_count": 0,
        "errors": "[]",
        "error_summary": "[]",
    }
    standing = {
        "status": "running",
        "progress": 0.4,
        "phase": "writing",
        "finished_at": None,
        "errors_name": None,
    }
    service.alter(before["import_id"], lost_count=lost_count, **forgotten, **standing)
    run_job(context, _job(service, before["import_id"]).id)
    after = service.status(before["import_id"])
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"attempt", "timestamp", "finished_at", "heartbeat_at"}
    assert len(service.listings()) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        NO_ROOM,
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        OperationalError("database is locked"),
        OperationalError("database or disk is full"),
        OperationalError("terminating connection due to administrator command"),
        InterfaceError("the connection is closed"),
        StorageFull("there is no space left for uploads"),
        NotReady("there is no database gpu.sqlite yet"),
    ],
    ids=str,
)
def test_trouble_that_passes_hands_the_job_back(
    service: Service, make_context: MakeContext, trouble: Exception
) -> None:
    job = _upload(service)
    run_job(make_context(failing(service.settings, trouble)), job.id)
    job = _job(service, job.import_id)
    assert (job.status, job.attempt, job.lost_count, job.handback_count) == ("queued", 1, 0, 1)
    assert from_now(0) < job.not_before <= from_now(1)


def test_a_job_that_was_handed_back_rests_and_is_run_then(
    service: Service, make_context: MakeContext
) -> None:
    job = _upload(service)
    run_job(make_context(failing(service.settings, NO_ROOM)), job.id)
    run_job(make_context(), job.id)
    assert _job(service, job.import_id).status == "queued"
    service.alter(job.import_id, not_before=from_now(-1))
    run_job(make_context(), job.id)
    job = _job(service, job.import_id)
    assert (job.status, job.attempt, job.lost_count) == ("succeeded", 2, 0)


@pytest.mark.parametrize(
    ("handbacks", "seconds"), [(1, 2), (4, 16), (6, LONGEST_REST_SECONDS), (500, 60)]
)
def test_each_rest_is_twice_as_long_up_to_a_minute(
    service: Service, make_context: MakeContext, handbacks: int, seconds: int
) -> None:
    job = _upload(service)
    service.alter(job.import_id, handback_count=handbacks, reason="the disk is full")
    run_job(make_context(failing(service.settings, NO_ROOM)), job.id)
    assert from_now(seconds - 1) < _job(service, job.import_id).not_before <= from_now(seconds)


def test_an_archive_that_somebody_holds_hands_the_job_back(
    service: Service, context: WorkerContext
) -> None:
    job = _upload(service)
    _run_while_locked(service, context, job)
    job = _job(service, job.import_id)
    assert (job.status, job.handback_count, job.progress) == ("queued", 1, 0.0)


def test_a_fault_of_ours_fails_the_import_and_says_nothing_of_it(
    service: Service, make_context: MakeContext
) -> None:
    job = _upload(service)
    run_job(make_context(failing(service.settings, RuntimeError("secret"))), job.id)
    status = service.status(job.import_id)
    assert (status["status"], status["error"]["code"], status["reason"]) == (
        "failed",
        "internal_error",
        None,
    )
    assert "secret" not in status["error"]["message"]


def test_a_file_that_is_gone_makes_the_import_wait_for_it(
    service: Service, context: WorkerContext
) -> None:
    job = _upload(service)
    path = service.settings.uploads_dir / str(job.upload_name)
    path.rename(service.settings.data_dir / "aside")
    run_job(context, job.id)
    status = service.status(job.import_id)
    assert (status["status"], status["reason"]) == (
        "queued",
        f"the kept file of import {job.import_id} is missing",
    )
    (service.settings.data_dir / "aside").rename(path)
    service.alter(job.import_id, not_before=from_now(-1))
    run_job(context, job.id)
    status = service.status(job.import_id)
    assert (status["status"], status["reason"]) == ("succeeded", None)


def test_an_outcome_is_recorded_once_the_registry_can_be_written(
    service: Service, context: WorkerContext
) -> None:
    """Else the row would say that the worker had died, and five times would fail a sound file."""
    job = _upload(service)
    registry: Any = Unwritable(context.services.registry, refusals=3)
    context.services.registry = registry
    run_job(context, job.id)
    job = _job(service, job.import_id)
    assert (job.status, job.attempt, job.lost_count, registry.refusals) == ("succeeded", 1, 0, 0)


def test_ready_says_why_imports_wait(service: Service, make_context: MakeContext) -> None:
    job = _upload(service)
    run_job(make_context(failing(service.settings, NO_ROOM)), job.id)
    ready = service.http.get("/api/ready", status=503).json
    assert ready["checks"]["imports"] == "1 import waiting for another attempt: the disk is full"
    service.alter(job.import_id, not_before=from_now(-1))
    run_job(make_context(), job.id)
    assert service.http.get("/api/ready", status=503).json["checks"]["imports"] == "ok"


def test_an_attempt_that_came_to_nothing_leaves_no_errors_behind(
    service: Service, context: WorkerContext
) -> None:
    job = _upload(service, ROW, BAD_ROW)
    context.stopping.set()
    run_job(context, job.id)
    assert service.kept() == sorted([f"{job.import_id}.csv", f"{job.import_id}.json"])


def test_errors_stay_where_a_batch_may_refer_to_them(
    service: Service, context: WorkerContext
) -> None:
    """A commit may have reached the server although its answer never came back."""
    job = _upload(service, ROW, BAD_ROW, query="?on_error=skip")
    _run_while_locked(service, context, job)
    assert _job(service, job.import_id).status == "queued"
    assert f"{job.import_id}.errors.1.ndjson" in service.kept()


def test_told_to_stop_it_hands_the_job_back_without_a_rest(
    service: Service, context: WorkerContext
) -> None:
    job = _upload(service)
    context.stopping.set()
    run_job(context, job.id)
    job = _job(service, job.import_id)
    assert (job.status, job.not_before, job.lost_count, job.handback_count) == (
        "queued",
        None,
        0,
        1,
    )
    assert service.listings() == []


def test_whoever_lost_the_claim_changes_nothing_any_more(
    service: Service, make_context: MakeContext
) -> None:
    job = _upload(service)
    stolen = EventfulUploads(service.settings, lambda: service.services.registry.claim(job.id))
    run_job(make_context(stolen), job.id)
    job = _job(service, job.import_id)
    assert (job.status, job.attempt, job.record_count) == ("running", 2, 0)


def test_a_claim_lost_while_running_is_imported_once(
    service: Service, make_context: MakeContext
) -> None:
    job = _upload(service)
    stolen = EventfulUploads(service.settings, lambda: service.services.registry.claim(job.id))
    run_job(make_context(stolen), job.id)
    run_job(make_context(), job.id)
    assert service.status(job.import_id)["status"] == "succeeded"
    assert len(service.listings(f"?import_id={job.import_id}")) == 1
