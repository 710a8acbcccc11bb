"""Problems found by the chaos run, each as a small case."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from peewee import Database, OperationalError, SqliteDatabase

from glyphd.db.registry_models import Worker
from glyphd.db.troubles import Trouble
from glyphd.storage.staging import Stage, open_stage
from tests.importing.jobs import from_now
from tests.service import Service, offers
from worker.context import WorkerContext
from worker.passing import passing_reason
from worker.run_job import run_job

ROWS = ("L4,2400,0.7,EU,Acme,2025-07-29", "L4,$2400,0.7,EU,Acme,2025-07-29")
A_DAY = 86_400.0


@pytest.mark.every_way
def test_row_errors_outlive_a_worker_that_died_after_its_commit(
    service: Service, context: WorkerContext
) -> None:
    before = service.import_csv(offers(*ROWS), "?on_error=skip")
    told = service.http.get(before["links"]["errors"]).json
    service.alter(before["import_id"], status="running", errors_name=None)
    job = service.services.registry.find_import(before["import_id"])
    assert job is not None
    run_job(context, job.id)
    assert service.http.get(before["links"]["errors"]).json == told
    assert json.loads(service.http.get(before["links"]["self"]).text)["attempt"] == 2


@pytest.mark.every_way
def test_what_comes_after_the_commit_is_no_failure(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stage is dropped after the commit; a worker that must stop aborts this."""
    monkeypatch.setattr("worker.import_file.open_stage", _cut_short)
    status = service.import_csv(offers(*ROWS), "?on_error=skip")
    assert (status["status"], status["record_count"], status["error_count"]) == ("succeeded", 1, 1)
    assert len(service.http.get(status["links"]["errors"]).json) == 1


def test_a_disk_that_fills_up_amid_a_transaction_is_trouble_that_passes() -> None:
    """SQLite then ends the transaction itself, and Peewee complains that there is none to roll
    back."""
    with pytest.raises(OperationalError, match="cannot rollback") as caught:
        _fill_amid_a_transaction()
    assert passing_reason(caught.value)


def test_trouble_of_another_kind_stays_trouble_behind_a_failed_rollback() -> None:
    error = OperationalError("cannot rollback - no transaction is active")
    error.__context__ = sqlite3.OperationalError("no such table: listings")
    assert passing_reason(error) == Trouble.SCHEMA.value


@pytest.mark.every_way
def test_a_clock_set_back_does_not_make_a_job_wait_for_the_time_it_was(service: Service) -> None:
    import_id = service.upload(offers(ROWS[0])).json["import_id"]
    service.alter(import_id, not_before=from_now(A_DAY))
    service.work()
    assert service.status(import_id)["status"] == "succeeded"


@pytest.mark.every_way
def test_a_clock_set_back_does_not_keep_a_dead_worker_alive(service: Service) -> None:
    service.greet()
    registry = service.services.registry
    with registry.database.connection_context():
        registry.database.execute(Worker.update(heartbeat_at=from_now(A_DAY)))
    assert registry.workers_alive() == 0


@contextmanager
def _cut_short(database: Database, *, is_small: bool) -> Iterator[Stage]:
    with open_stage(database, is_small=is_small) as stage:
        yield stage
    raise OperationalError("interrupted")


def _fill_amid_a_transaction() -> None:
    with closing(SqliteDatabase(":memory:")) as database, database.atomic():
        database.execute_sql("CREATE TABLE filler (filling BLOB)")
        database.execute_sql("PRAGMA max_page_count = 2")
        try:
            database.execute_sql("INSERT INTO filler VALUES (zeroblob(1000000))")
        except OperationalError:
            database.execute_sql("ROLLBACK")  # what SQLite does itself when a real disk is full
            raise
