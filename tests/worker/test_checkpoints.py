"""When what imports committed is copied from SQLite's log into the archive's file."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from glyphd.db import checkpoints
from tests.service import Service
from tests.worker.queued import ROW, queue_import
from worker import together
from worker.context import WorkerContext
from worker.run_job import run_job


@pytest.fixture(autouse=True)
def each_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small imports in line would share a commit."""
    monkeypatch.setattr(together, "MOST_TOGETHER", 1)


@pytest.fixture(autouse=True)
def another_connection(service: Service) -> Iterator[None]:
    """Without one, SQLite copies its log whenever the worker closes its own."""
    with closing(sqlite3.connect(service.settings.archive_path)) as connection:
        connection.execute("SELECT COUNT(*) FROM import_batches").fetchone()
        yield


def _imports_in_file(service: Service) -> int:
    """The imports that a copy of the archive's file has without its log."""
    copy = service.settings.archive_path.with_name("copy.sqlite")
    copy.write_bytes(service.settings.archive_path.read_bytes())
    with closing(sqlite3.connect(f"{copy.as_uri()}?immutable=1", uri=True)) as connection:
        (count,) = connection.execute("SELECT COUNT(*) FROM import_batches").fetchone()
    return int(count)


def test_imports_in_line_are_copied_together(service: Service, context: WorkerContext) -> None:
    first, second = queue_import(service), queue_import(service, ROW.replace("L4", "A2"))
    run_job(context, first.id)
    assert _imports_in_file(service) == 0
    run_job(context, second.id)
    assert _imports_in_file(service) == 2


def test_a_long_log_is_copied_although_imports_wait(
    service: Service, context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "LONG_LOG_BYTES", 0)
    first = queue_import(service)
    queue_import(service, ROW.replace("L4", "A2"))
    run_job(context, first.id)
    assert _imports_in_file(service) == 1
