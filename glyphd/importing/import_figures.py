"""The figures for the metrics: how many imports there are of each source and status, and which of
them wait."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from peewee import fn

from glyphd.contracts.texts import fold_ascii
from glyphd.db.registry_models import Job
from glyphd.importing.job_queries import IMPORT, IS_WAITING, JobQueries
from glyphd.importing.status import is_stalled
from glyphd.times import read_stored


@dataclass(frozen=True)
class ImportGroup:
    """The imports of one source, spelled in one way, with one status. `source` is empty for imports
    without one; `last_id` is the id of the latest job."""

    source: str
    status: str
    is_dry_run: bool
    count: int
    rows: int
    last_finished_at: datetime | None
    last_id: int


@dataclass(frozen=True)
class WaitingImport:
    """An import that has not ended."""

    source: str
    status: str
    received_at: datetime
    is_stalled: bool


def import_groups(jobs: JobQueries) -> Sequence[ImportGroup]:
    """All imports, counted by source, status and whether they are dry runs.

    The index `jobs_by_source` covers this query, so no row is read.
    """
    by = (Job.source, Job.status, Job.dry_run)
    query = (
        Job.select(
            *by,
            fn.COUNT(Job.id),
            fn.SUM(Job.record_count),
            fn.MAX(Job.finished_at),
            fn.MAX(Job.id),
        )
        .where(Job.kind == IMPORT)
        .group_by(*by)
    )
    with jobs.connected():
        rows = jobs.database.execute(query).fetchall()
    return [
        ImportGroup(
            source=fold_ascii(source or ""),
            status=status,
            is_dry_run=bool(is_dry_run),
            count=count,
            rows=int(records),
            last_finished_at=read_stored(finished_at) if finished_at else None,
            last_id=last_id,
        )
        for source, status, is_dry_run, count, records, finished_at, last_id in rows
    ]


def waiting_imports(jobs: JobQueries) -> Sequence[WaitingImport]:
    """The imports that have not ended."""
    # The kind is tested here: in SQL, SQLite would read all imports rather than the few unfinished
    # ones.
    columns = (Job.kind, Job.source, Job.status, Job.received_at, Job.heartbeat_at)
    with jobs.connected():
        found = list(Job.select(*columns).where(IS_WAITING).bind(jobs.database))
    return [
        WaitingImport(
            source=fold_ascii(job.source or ""),
            status=job.status,
            received_at=read_stored(job.received_at),
            is_stalled=is_stalled(job),
        )
        for job in found
        if job.kind == IMPORT
    ]
