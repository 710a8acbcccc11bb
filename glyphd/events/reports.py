"""The events that report about a job, made from the job's row alone."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from glyphd.contracts.event_contracts import (
    EventData,
    EventKind,
    ImportChanged,
    ImportFinished,
    ImportStalled,
    MatchedOffer,
    SourceSilent,
    WatchMatched,
)
from glyphd.contracts.import_contracts import ImportFailure, ImportStatus
from glyphd.contracts.watch_contracts import WatchCondition
from glyphd.db.archive_models import RESTORE, ROLLBACK
from glyphd.db.registry_models import Job
from glyphd.db.watch_models import Watch

_CHANGES = {ROLLBACK: EventKind.IMPORT_ROLLED_BACK, RESTORE: EventKind.IMPORT_RESTORED}


@dataclass(frozen=True)
class Report:
    """An event without an id yet. `subject` distinguishes events of the same kind from one job."""

    kind: EventKind
    job: Job
    occurred_at: str
    data: EventData
    subject: str = ""


def report_of_end(job: Job, its_import: Job) -> Report | None:
    """The event of a job with a final status. None for a rollback or restore that failed, because
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
    """The event of a running import that has sent no heartbeat for too long."""
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


def report_of_matches(
    job: Job, its_import: Job, watch: Watch, total: int, offers: Sequence[Mapping[str, Any]]
) -> Report:
    """The event of a watch that found offers in a job that has succeeded: their number, and the
    first of them."""
    data = WatchMatched(
        import_id=job.import_id,
        source=its_import.source,
        watch_id=watch.id,
        name=watch.name,
        condition=WatchCondition(watch.condition),
        value=watch.value,
        change=job.kind,
        total=total,
        offers=[MatchedOffer.model_validate(offer) for offer in offers],
    )
    return Report(EventKind.WATCH_MATCHED, job, str(job.finished_at), data, watch.id)


def report_of_silence(last: Job, rhythm: tuple[float, str], now: str) -> Report:
    """The event of a silent source, whose last success was this import: its usual interval in
    seconds, and since when it is silent."""
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
