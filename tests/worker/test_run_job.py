"""The life of a job in the worker, whatever happens to it."""

from typing import Any

import pytest
from peewee import OperationalError

from glyphd.importing.claims import Claim
from glyphd.importing.registry import Registry
from tests.service import Service, offers
from tests.worker.conftest import MakeContext
from tests.worker.queued import BAD_ROW, ROW, job_of, queue_import
from tests.worker.uploads import EventfulUploads, failing
from worker.context import WorkerContext
from worker.final_values import MAX_LOST_ATTEMPTS
from worker.run_job import run_job

pytestmark = pytest.mark.every_way


class Unwritable(Registry):
    """A registry that refuses to record outcomes this many times."""

    def __init__(self, registry: Registry, refusals: int) -> None:
        super().__init__(registry.database)
        self.refusals = refusals

    def update_claimed(self, claim: Claim, **values: Any) -> None:
        if "status" in values and self.refusals:
            self.refusals -= 1
            raise OperationalError("attempt to write a readonly database")
        super().update_claimed(claim, **values)


def test_a_job_that_succeeds(service: Service, context: WorkerContext) -> None:
    job = queue_import(service, ROW, ROW.replace("L4", "A"))
    run_job(context, job.id)
    job = job_of(service, job.import_id)
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
    job = queue_import(service, *rows, query=query)
    run_job(context, job.id)
    job = job_of(service, job.import_id)
    assert (job.status, job.record_count, job.error_count) == outcome
    assert len(service.listings(f"?import_id={job.import_id}")) == (
        0 if job.dry_run else job.record_count
    )


def test_a_finished_job_is_not_run_again(service: Service, make_context: MakeContext) -> None:
    status = service.import_csv(offers(ROW))
    run_job(
        make_context(failing(service.settings, AssertionError())),
        job_of(service, status["import_id"]).id,
    )
    assert service.status(status["import_id"]) == status


def test_a_job_that_nobody_knows_is_no_matter(context: WorkerContext) -> None:
    run_job(context, 4711)


def test_a_job_that_another_process_runs_is_left_to_it(
    service: Service, context: WorkerContext
) -> None:
    job = queue_import(service)
    with service.services.locks.hold(job.id):
        run_job(context, job.id)
    assert job_of(service, job.import_id).attempt == 0


def test_a_job_whose_worker_died_is_run_again(service: Service, context: WorkerContext) -> None:
    job = queue_import(service)
    service.alter(job.import_id, status="running", attempt=1)
    run_job(context, job.id)
    job = job_of(service, job.import_id)
    assert (job.status, job.attempt, job.lost_count) == ("succeeded", 2, 1)


def test_after_five_lost_attempts_it_is_given_up(service: Service, context: WorkerContext) -> None:
    job = queue_import(service)
    service.alter(
        job.import_id, status="running", attempt=MAX_LOST_ATTEMPTS, lost_count=MAX_LOST_ATTEMPTS - 1
    )
    run_job(context, job.id)
    job = job_of(service, job.import_id)
    assert (job.status, job.error_code, job.lost_count) == ("failed", "worker_lost", 5)
    assert service.listings() == []


def test_after_four_it_is_tried_once_more(service: Service, context: WorkerContext) -> None:
    job = queue_import(service)
    service.alter(
        job.import_id,
        status="running",
        attempt=MAX_LOST_ATTEMPTS - 1,
        lost_count=MAX_LOST_ATTEMPTS - 2,
    )
    run_job(context, job.id)
    assert job_of(service, job.import_id).status == "succeeded"


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
    run_job(context, job_of(service, before["import_id"]).id)
    after = service.status(before["import_id"])
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"attempt", "timestamp", "finished_at", "heartbeat_at"}
    assert len(service.listings()) == 1


def test_a_fault_of_ours_fails_the_import_and_says_nothing_of_it(
    service: Service, make_context: MakeContext
) -> None:
    job = queue_import(service)
    run_job(make_context(failing(service.settings, RuntimeError("secret"))), job.id)
    status = service.status(job.import_id)
    assert (status["status"], status["error"]["code"], status["reason"]) == (
        "failed",
        "internal_error",
        None,
    )
    assert "secret" not in status["error"]["message"]


def test_an_outcome_is_recorded_once_the_registry_can_be_written(
    service: Service, context: WorkerContext
) -> None:
    """Otherwise the row would say that the worker had died, and after five times a good file would
    fail."""
    job = queue_import(service)
    registry: Any = Unwritable(context.services.registry, refusals=3)
    context.services.registry = registry
    run_job(context, job.id)
    job = job_of(service, job.import_id)
    assert (job.status, job.attempt, job.lost_count, registry.refusals) == ("succeeded", 1, 0, 0)


def test_an_attempt_that_came_to_nothing_leaves_no_errors_behind(
    service: Service, context: WorkerContext
) -> None:
    job = queue_import(service, ROW, BAD_ROW)
    context.stopping.set()
    run_job(context, job.id)
    assert service.kept() == sorted([f"{job.import_id}.csv", f"{job.import_id}.json"])


def test_whoever_lost_the_claim_changes_nothing_any_more(
    service: Service, make_context: MakeContext
) -> None:
    job = queue_import(service)
    stolen = EventfulUploads(service.settings, lambda: service.services.registry.claim(job.id))
    run_job(make_context(stolen), job.id)
    job = job_of(service, job.import_id)
    assert (job.status, job.attempt, job.record_count) == ("running", 2, 0)


def test_a_claim_lost_while_running_is_imported_once(
    service: Service, make_context: MakeContext
) -> None:
    job = queue_import(service)
    stolen = EventfulUploads(service.settings, lambda: service.services.registry.claim(job.id))
    run_job(make_context(stolen), job.id)
    run_job(make_context(), job.id)
    assert service.status(job.import_id)["status"] == "succeeded"
    assert len(service.listings(f"?import_id={job.import_id}")) == 1
