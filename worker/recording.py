"""Records in the job's row how an attempt ended: finished or requeued."""

from typing import Any

import structlog

from glyphd.contracts.import_contracts import ImportStatus
from glyphd.errors import Unavailable
from glyphd.importing.claims import Claim
from glyphd.importing.error_report import errors_name
from glyphd.importing.job_queries import IMPORT
from glyphd.importing.registry import as_stored
from glyphd.times import now_text
from worker.context import WorkerContext
from worker.passing import passing_reason
from worker.progress import Halt
from worker.resting import Rest

LONGEST_RECORD_PAUSE_SECONDS = 5.0

log = structlog.get_logger(__name__)


def record_end(
    context: WorkerContext, claim: Claim, values: dict[str, Any], seconds: float
) -> None:
    """Writes the final status, and one line about it into the log."""
    job, now = claim.job, now_text()
    stored = as_stored(values)
    if job.kind == IMPORT:
        stored["reason"] = None
    _record(context, claim, **stored, finished_at=now, heartbeat_at=now)
    _remove_other_errors(context, claim, values.get("errors_name"))
    tell = log.warning if values["status"] == ImportStatus.FAILED else log.info
    if job.kind != IMPORT:
        tell(
            "change_finished",
            kind=job.kind,
            status=str(values["status"]),
            seconds=round(seconds, 3),
        )
        return
    tell(
        "import_finished",
        status=str(values["status"]),
        error=values.get("error_code"),
        record_count=values.get("record_count", 0),
        rows_read=values.get("rows_read", 0),
        error_count=values.get("error_count", 0),
        size_bytes=job.size_bytes,
        source=job.source,
        filename=job.filename,
        dry_run=job.dry_run,
        seconds=round(seconds, 3),
    )


def _remove_other_errors(context: WorkerContext, claim: Claim, kept: str | None) -> None:
    """Removes the row errors of other attempts, such as those of a worker that died. Only those of
    one attempt count: this one, or the one that died just after its batch was committed.

    The import has ended even if they can't be removed now.
    """
    for attempt in range(1, claim.attempt):
        name = errors_name(claim.job.import_id, attempt)
        if name == kept:
            continue
        try:
            context.services.uploads.delete(name)
        except (OSError, Unavailable):
            log.warning("row_errors_not_removed", name=name, exc_info=True)
            return


def requeue(context: WorkerContext, claim: Claim, rest: Rest, reason: str | None = None) -> None:
    """Requeues the job; the attempt does not count as lost."""
    values: dict[str, Any] = {"reason": reason} if claim.job.kind == IMPORT else {}
    _record(
        context,
        claim,
        **values,
        status=ImportStatus.QUEUED,
        handback_count=rest.handback_count,
        not_before=rest.not_before,
        phase=None,
        progress=0.0,
    )
    log.warning("import_requeued", rest_seconds=rest.seconds, reason=reason or Halt.STOPPING.value)


def _record(context: WorkerContext, claim: Claim, **values: Any) -> None:
    """Writes into the job's row how the attempt ended, as soon as the registry is writable.

    A row that stays `running` would mean that this process had died, and count against the import.
    No other job could be claimed meanwhile. Raises ClaimLost, and the database's error if the
    process must stop before.
    """
    pause = LONGEST_RECORD_PAUSE_SECONDS / 64
    while True:
        try:
            context.services.registry.update_claimed(claim, **values)
            return
        except Exception as error:
            if passing_reason(error) is None or context.stopping.wait(pause):
                raise
            outcome = {"status": str(values["status"]), "error": values.get("error_code")}
            log.warning("outcome_not_recorded", **outcome, reason=passing_reason(error))
            pause = min(2 * pause, LONGEST_RECORD_PAUSE_SECONDS)
