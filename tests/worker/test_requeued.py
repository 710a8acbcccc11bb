"""Trouble that passes: the job is requeued, waits, and runs again."""

import errno
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from peewee import InterfaceError, OperationalError

from glyphd.db.registry_models import Job
from glyphd.errors import NotReady, StorageFull
from glyphd.importing.claims import LONGEST_REST_SECONDS
from tests.importing.jobs import from_now
from tests.service import Service
from tests.worker.conftest import MakeContext
from tests.worker.queued import BAD_ROW, ROW, job_of, queue_import
from tests.worker.uploads import failing
from worker.context import WorkerContext
from worker.run_job import run_job

NO_ROOM = OSError(errno.ENOSPC, "No space left on device")


def _run_while_locked(service: Service, context: WorkerContext, job: Job) -> None:
    """Runs the job while another process keeps a write transaction open on the archive."""
    archive: Any = context.archive
    archive.timeout = 0.05
    with closing(sqlite3.connect(service.settings.archive_path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        run_job(context, job.id)


@pytest.mark.every_way
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
    job = queue_import(service)
    run_job(make_context(failing(service.settings, trouble)), job.id)
    job = job_of(service, job.import_id)
    assert (job.status, job.attempt, job.lost_count, job.handback_count) == ("queued", 1, 0, 1)
    assert from_now(0) < job.not_before <= from_now(1)


@pytest.mark.every_way
def test_a_job_that_was_handed_back_rests_and_is_run_then(
    service: Service, make_context: MakeContext
) -> None:
    job = queue_import(service)
    run_job(make_context(failing(service.settings, NO_ROOM)), job.id)
    run_job(make_context(), job.id)
    assert job_of(service, job.import_id).status == "queued"
    service.alter(job.import_id, not_before=from_now(-1))
    run_job(make_context(), job.id)
    job = job_of(service, job.import_id)
    assert (job.status, job.attempt, job.lost_count) == ("succeeded", 2, 0)


@pytest.mark.parametrize(
    ("handbacks", "seconds"), [(1, 2), (4, 16), (6, LONGEST_REST_SECONDS), (500, 60)]
)
def test_each_rest_is_twice_as_long_up_to_a_minute(
    service: Service, make_context: MakeContext, handbacks: int, seconds: int
) -> None:
    job = queue_import(service)
    service.alter(job.import_id, handback_count=handbacks, reason="the disk is full")
    run_job(make_context(failing(service.settings, NO_ROOM)), job.id)
    assert from_now(seconds - 1) < job_of(service, job.import_id).not_before <= from_now(seconds)


def test_an_archive_that_somebody_holds_hands_the_job_back(
    service: Service, context: WorkerContext
) -> None:
    job = queue_import(service)
    _run_while_locked(service, context, job)
    job = job_of(service, job.import_id)
    assert (job.status, job.handback_count, job.progress) == ("queued", 1, 0.0)


@pytest.mark.every_way
def test_a_file_that_is_gone_makes_the_import_wait_for_it(
    service: Service, context: WorkerContext
) -> None:
    job = queue_import(service)
    uploads, name = service.services.uploads, str(job.upload_name)
    content = service.kept_bytes(name)
    uploads.delete(name)
    run_job(context, job.id)
    status = service.status(job.import_id)
    assert (status["status"], status["reason"]) == (
        "queued",
        f"the kept file of import {job.import_id} is missing",
    )
    uploads.put(name, content)
    service.alter(job.import_id, not_before=from_now(-1))
    run_job(context, job.id)
    status = service.status(job.import_id)
    assert (status["status"], status["reason"]) == ("succeeded", None)


@pytest.mark.every_way
def test_ready_says_why_imports_wait(service: Service, make_context: MakeContext) -> None:
    job = queue_import(service)
    run_job(make_context(failing(service.settings, NO_ROOM)), job.id)
    ready = service.http.get("/api/ready", status=503).json
    assert ready["checks"]["imports"] == "1 import waiting for another attempt: the disk is full"
    service.alter(job.import_id, not_before=from_now(-1))
    run_job(make_context(), job.id)
    assert service.http.get("/api/ready", status=503).json["checks"]["imports"] == "ok"


def test_errors_stay_where_a_batch_may_refer_to_them(
    service: Service, context: WorkerContext
) -> None:
    """A commit may have reached the server although its answer was lost."""
    job = queue_import(service, ROW, BAD_ROW, query="?on_error=skip")
    _run_while_locked(service, context, job)
    assert job_of(service, job.import_id).status == "queued"
    assert f"{job.import_id}.errors.1.ndjson" in service.kept()


@pytest.mark.every_way
def test_told_to_stop_it_hands_the_job_back_without_a_rest(
    service: Service, context: WorkerContext
) -> None:
    job = queue_import(service)
    context.stopping.set()
    run_job(context, job.id)
    job = job_of(service, job.import_id)
    assert (job.status, job.not_before, job.lost_count, job.handback_count) == (
        "queued",
        None,
        0,
        1,
    )
    assert service.listings() == []
