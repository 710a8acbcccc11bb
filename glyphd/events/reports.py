"""What the registry reports about a job, as an event of the feed: from the job's row alone."""

import json
from dataclasses import dataclass

from glyphd.contracts.event_contracts import (
    EventData,
    EventKind,
    ImportChanged,
    ImportFinished,
    ImportStalled,
    SourceSilent,
)
from glyphd.contracts.import_contracts import ImportFailure, ImportStatus
from glyphd.db.archive_models import RESTORE, ROLLBACK
from glyphd.db.registry_models import Job

_CHANGES = {ROLLBACK: EventKind.IMPORT_ROLLED_BACK, RESTORE: EventKind.IMPORT_RESTORED}


@dataclass(frozen=True)
class Report:
    """An event that has no id yet."""

    kind: EventKind
    job: Job
    occurred_at: str
    data: EventData


def report_of_end(job: Job, its_import: Job) -> Report | None:
    """What a job with a final status reports. None for a rollback or restore that failed: then
    nothing has changed."""
    occurred_at = str(job.finished_at)
    if job.kind not in _CHANGES:
        return Report(EventKind.IMPORT_FINISHED, job, occurred_at, _finished(job))
    if job.status != ImportStatus.SUCCEEDED:
        return None
    data = ImportChanged(
        import_id=job.import_id,
        source=its_import.source,
        reason=job.reason,
        requested_at=job.received_at,
        changed_at=job.imported_at,
    )
    return Report(_CHANGES[job.kind], job, occurred_at, data)


def report_of_stall(job: Job, now: str) -> Report:
    """What a running import reports that has sent no heartbeat for too long."""
    data = ImportStalled(
        import_id=job.import_id,
        source=job.source,
        filename=job.filename,
        attempt=job.attempt,
        progress=job.progress,
        started_at=job.started_at,
        heartbeat_at=job.heartbeat_at,
    )
    return Report(EventKind.IMPORT_STALLED, job, now, data)


def report_of_silence(last: Job, rhythm: tuple[float, str], now: str) -> Report:
    """What a source reports whose last success was this import: its usual interval in seconds, and
    since when it is silent."""
    usual_interval_seconds, silent_since = rhythm
    data = SourceSilent(
        import_id=last.import_id,
        source=last.source,
        last_success_at=last.finished_at,
        usual_interval_seconds=usual_interval_seconds,
        silent_since=silent_since,
    )
    return Report(EventKind.SOURCE_SILENT, last, now, data)


def _finished(job: Job) -> ImportFinished:
    error = None
    if job.error_code is not None:
        error = ImportFailure(code=job.error_code, message=job.error_message)
    return ImportFinished(
        import_id=job.import_id,
        source=job.source,
        status=job.status,
        dry_run=job.dry_run,
        filename=job.filename,
        description=job.description,
        record_count=job.record_count,
        rows_read=job.rows_read,
        error_count=job.error_count,
        error=error,
        warnings=[warning["code"] for warning in json.loads(job.warnings or "[]")],
        effect=json.loads(job.effect or "null"),
        received_at=job.received_at,
        finished_at=job.finished_at,
        imported_at=job.imported_at,
    )
