"""Small imports that follow each other in the queue share a transaction, and nothing else."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from peewee import Database

from glyphd.importing.small_files import SMALL_BYTES
from glyphd.storage.batches import Batch
from glyphd.storage.staging import Stage
from glyphd.storage.writing import write_batch
from glyphd.storage.written import Written
from tests.server.wire import wait_until
from tests.service import Service, start_in
from tests.worker.conftest import MakeContext
from tests.worker.queued import BAD_ROW, ROW, job_of, queue_import
from tests.worker.uploads import EventfulUploads, failing
from worker import together
from worker.context import WorkerContext
from worker.run_job import run_job

MIXED_FILES = (
    ([ROW, "A2,900,0.5,EU,Acme,2025-07-29"], "?source=feed"),
    (["L4,2300,0.7,EU,Acme,2025-07-30"], "?source=feed"),
    ([ROW, BAD_ROW], "?source=feed"),
    (["L4,2500,0.7,EU,Acme,2025-07-20"], "?source=other"),
    (["L4,2200,0.7,EU,Acme,2025-07-31"] * 3, "?source=feed"),
    (["A10,700,0.4,EU,Acme,2025-07-31"], "?source=feed&dry_run=true"),
    (["A10,700,0.4,EU,Acme,2025-08-01"], "?source=feed&complete=true&allow_shrink=true"),
    (["A2,900,0.5,EU,Acme,2025-08-02"], "?source=feed"),
)
"""The rows and options of files that concern each other: changed prices, an invalid file, older
rows, equal rows, a dry run, a complete file, and an offer that is back."""


ENDLESS = """
WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers)
INSERT INTO staged_models SELECT number, '', number FROM numbers"""
"""A statement that ends only if it is interrupted."""


class Dying(BaseException):
    """The end of the process."""


def _queue(service: Service, files: Sequence[tuple[list[str], str]] = MIXED_FILES) -> list[Any]:
    return [queue_import(service, *rows, query=query) for rows, query in files]


def _statuses(service: Service, jobs: Sequence[Any]) -> list[str]:
    return [str(job_of(service, job.import_id).status) for job in jobs]


def _archive_of(service: Service) -> list[list[tuple[Any, ...]]]:
    """Everything in the archive but the ids of imports and the times when they were written."""
    own = {"import_id", "imported_at", "result", "rows_sha256", "complete_at"}
    found = []
    with closing(sqlite3.connect(service.settings.archive_path)) as archive:
        tables = archive.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1")
        for (table,) in tables.fetchall():
            columns = [row[1] for row in archive.execute(f"PRAGMA table_info({table})")]
            if table.startswith(("sqlite_", "migratehistory")) or table == "archive":
                continue
            kept = ", ".join(f'"{name}"' for name in columns if name not in own)
            found.append(
                [(table,), *sorted(archive.execute(f"SELECT {kept} FROM {table}"), key=repr)]
            )
    return found


def test_those_that_follow_are_run_too_in_one_transaction(
    service: Service, make_context: MakeContext
) -> None:
    jobs = [queue_import(service, ROW.replace("L4", f"L{at}")) for at in range(5)]
    visible: list[int] = []

    def look() -> None:
        visible.append(len(service.listings()))

    run_job(make_context(EventfulUploads(service.settings, look)), jobs[0].id)
    assert visible == [0] * 5
    assert len(service.listings()) == 5
    found = [job_of(service, job.import_id) for job in jobs]
    assert {(job.status, job.attempt, job.record_count) for job in found} == {("succeeded", 1, 1)}
    moments = [job.imported_at for job in found]
    assert moments == sorted(set(moments))


def test_the_archive_is_the_same_as_if_each_were_alone(
    tmp_path: Path, initialised_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archives, outcomes = [], []
    for most in (together.MOST_TOGETHER, 1):
        monkeypatch.setattr(together, "MOST_TOGETHER", most)
        service = start_in(tmp_path / str(most), initialised_folder)
        jobs = _queue(service)
        service.work()
        archives.append(_archive_of(service))
        told = [service.status(job.import_id) for job in jobs]
        outcomes.append(
            [
                (one["status"], one["effect"], [warning["code"] for warning in one["warnings"]])
                for one in told
            ]
        )
    assert archives[0] == archives[1]
    assert outcomes[0] == outcomes[1]
    assert [one[0] for one in outcomes[0]].count("failed") == 1


def test_an_invalid_file_fails_alone_and_keeps_its_errors(
    service: Service, context: WorkerContext
) -> None:
    jobs = [queue_import(service, *rows) for rows in ([ROW], [ROW, BAD_ROW], [ROW])]
    run_job(context, jobs[0].id)
    assert _statuses(service, jobs) == ["succeeded", "failed", "succeeded"]
    status = service.status(jobs[1].import_id)
    (error,) = service.http.get(status["links"]["errors"]).json
    assert (error["line"], error["field"]) == (3, "price_usd")


def test_if_one_meets_trouble_each_is_run_alone(service: Service, context: WorkerContext) -> None:
    jobs = [queue_import(service) for _ in range(3)]
    service.services.uploads.delete(str(jobs[1].upload_name))
    run_job(context, jobs[0].id)
    assert _statuses(service, jobs) == ["succeeded", "queued", "queued"]
    service.work()
    assert _statuses(service, jobs) == ["succeeded", "queued", "succeeded"]
    found = [job_of(service, job.import_id) for job in jobs]
    assert {(job.attempt, job.lost_count) for job in found} == {(2, 0)}
    assert service.status(jobs[1].import_id)["reason"].startswith("the kept file of import")


def test_told_to_stop_nothing_is_written_and_none_counts_as_lost(
    service: Service, make_context: MakeContext
) -> None:
    jobs = [queue_import(service) for _ in range(3)]
    opened: list[int] = []

    def stop_at_the_second() -> None:
        opened.append(1)
        if len(opened) == 2:
            context.stopping.set()

    context = make_context(EventfulUploads(service.settings, stop_at_the_second))
    run_job(context, jobs[0].id)
    found = [job_of(service, job.import_id) for job in jobs]
    assert {(job.status, job.lost_count, job.not_before) for job in found} == {("queued", 0, None)}
    assert service.listings() == []


def test_after_a_death_each_is_alone_so_that_only_one_can_be_at_fault(
    service: Service, make_context: MakeContext
) -> None:
    jobs = [queue_import(service) for _ in range(3)]
    with pytest.raises(Dying):
        run_job(make_context(failing(service.settings, Dying())), jobs[0].id)
    assert _statuses(service, jobs) == ["running"] * 3
    assert service.listings() == []
    run_job(make_context(), jobs[0].id)
    assert _statuses(service, jobs) == ["succeeded", "running", "running"]
    service.work()
    found = [job_of(service, job.import_id) for job in jobs]
    assert {(job.status, job.attempt, job.lost_count) for job in found} == {("succeeded", 2, 1)}


@pytest.mark.parametrize(
    ("beats", "is_reported"), [(1_000_000, False), (1, True)], ids=["rare", "each"]
)
def test_those_that_wait_for_their_turn_are_reported_at_fewer_beats(
    service: Service,
    make_context: MakeContext,
    monkeypatch: pytest.MonkeyPatch,
    beats: int,
    is_reported: bool,
) -> None:
    monkeypatch.setattr("worker.progress.BEAT_SECONDS", 0.01)
    monkeypatch.setattr("worker.progress.BEATS_WITHOUT_TURN", beats)
    jobs = [queue_import(service, ROW.replace("L4", f"L{at}")) for at in range(2)]
    reported: list[bool] = []

    def heartbeats() -> list[str]:
        return [str(job_of(service, job.import_id).heartbeat_at) for job in jobs]

    def wait_for_a_beat() -> None:
        before = heartbeats()
        wait_until(lambda: heartbeats()[len(reported)] != before[len(reported)])
        reported.append(heartbeats()[1 - len(reported)] != before[1 - len(reported)])

    run_job(make_context(EventfulUploads(service.settings, wait_for_a_beat)), jobs[0].id)
    assert _statuses(service, jobs) == ["succeeded", "succeeded"]
    assert reported == [is_reported] * 2


def test_one_that_is_cancelled_before_its_turn_is_not_written(
    service: Service, make_context: MakeContext
) -> None:
    jobs = [queue_import(service, ROW.replace("L4", f"L{at}")) for at in range(3)]
    registry = service.services.registry

    def cancel_the_last() -> None:
        registry.request_cancel(jobs[2].id)

    run_job(make_context(EventfulUploads(service.settings, cancel_the_last)), jobs[0].id)
    assert _statuses(service, jobs) == ["succeeded", "succeeded", "cancelled"]
    assert {offer["model"] for offer in service.listings()} == {"L0", "L1"}


def test_one_that_is_cancelled_amid_a_statement_takes_no_other_with_it(
    service: Service, context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite then rolls the whole transaction back by itself."""
    monkeypatch.setattr("worker.progress.BEAT_SECONDS", 0.01)
    jobs = [queue_import(service, ROW.replace("L4", f"L{at}")) for at in range(3)]
    registry = service.services.registry

    def write(archive: Database, stage: Stage, batch: Batch, **options: Any) -> Written:
        if batch.import_id == jobs[1].import_id:
            registry.request_cancel(jobs[1].id)
            archive.execute_sql(ENDLESS)
        return write_batch(archive, stage, batch, **options)

    monkeypatch.setattr("worker.import_file.write_batch", write)
    run_job(context, jobs[0].id)
    service.work()
    assert _statuses(service, jobs) == ["succeeded", "cancelled", "succeeded"]
    assert {offer["model"] for offer in service.listings()} == {"L0", "L2"}


@pytest.mark.parametrize(
    "in_between",
    [
        {"content_encoding": "gzip"},
        {"size_bytes": SMALL_BYTES + 1},
        {"attempt": 1},
        {"cancel_requested_at": "2025-07-29T00:00:00.000000Z"},
    ],
    ids=["packed", "large", "tried before", "to be cancelled"],
)
def test_an_import_of_another_kind_is_not_overtaken(
    service: Service, context: WorkerContext, in_between: dict[str, Any]
) -> None:
    first, second, third = (queue_import(service) for _ in range(3))
    service.alter(second.import_id, **in_between)
    run_job(context, first.id)
    assert _statuses(service, [first, second, third]) == ["succeeded", "queued", "queued"]


def test_all_together_are_of_a_limited_size(service: Service, context: WorkerContext) -> None:
    jobs = [queue_import(service) for _ in range(5)]
    for job in jobs:
        service.alter(job.import_id, size_bytes=together.MOST_BYTES_TOGETHER // 4)
    run_job(context, jobs[0].id)
    assert _statuses(service, jobs) == ["succeeded"] * 4 + ["queued"]


@pytest.mark.every_way
def test_each_outcome_is_reported_once(service: Service) -> None:
    jobs = [queue_import(service, *rows) for rows in ([ROW], [BAD_ROW], [ROW])]
    service.work()
    service.work()
    events = service.http.get("/api/events?kind=import.finished").json
    assert [event["data"]["import_id"] for event in events] == [job.import_id for job in jobs]
    assert [event["data"]["status"] for event in events] == ["succeeded", "failed", "succeeded"]
