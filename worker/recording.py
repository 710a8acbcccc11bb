"""Records in the job's row how an attempt ended: finished or requeued."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from structlog.contextvars import bound_contextvars

from glyphd.contracts.import_contracts import ImportStatus
from glyphd.errors import Unavailable
from glyphd.importing.claims import Claim, ClaimLost
from glyphd.importing.error_report import errors_name
from glyphd.importing.job_queries import IMPORT
from glyphd.importing.registry import as_stored
from glyphd.importing.traces import trace_id_of
from glyphd.times import now_text
from worker.context import WorkerContext
from worker.passing import passing_reason
from worker.progress import Halt
from worker.resting import Rest

LONGEST_RECORD_PAUSE_SECONDS = 5.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class End:
    """How an attempt ended: the job's final values, and how long it took."""

    claim: Claim
    values: dict[str, Any]
    seconds: float

    def stored(self) -> dict[str, Any]:
        """What the job's row then has."""
        now = now_text()
        reason = {"reason": None} if self.claim.job.kind == IMPORT else {}
        return as_stored(self.values) | reason | {"finished_at": now, "heartbeat_at": now}


@contextmanager
def logged(claim: Claim) -> Iterator[None]:
    """What each log line of an attempt names."""
    job = claim.job
    names: dict[str, Any] = {"import_id": job.import_id, "attempt": claim.attempt}
    if job.traceparent is not None:
        names["trace_id"] = trace_id_of(job.traceparent)
    with bound_contextvars(**names):
        yield


@contextmanager
def losable(context: WorkerContext, claim: Claim) -> Iterator[None]:
    """A block that ends early, without an outcome, if another process has claimed the job."""
    with logged(claim):
        try:
            yield
        except ClaimLost:
            context.services.registry.uncount_lost(claim)
            log.warning("claim_lost")


def record_ends(context: WorkerContext, ends: Sequence[End]) -> None:
    """The same as `record_end` for each, in one transaction if possible."""
    registry = context.services.registry
    try:
        with registry.in_one_transaction():
            for end in ends:
                registry.update_claimed(end.claim, **end.stored())
    except Exception:
        log.warning("outcomes_recorded_alone", exc_info=True)
        for end in ends:
            with losable(context, end.claim):
                record_end(context, end)
        return
    for end in ends:
        with logged(end.claim):
            _report(context, end)


def record_end(context: WorkerContext, end: End) -> None:
    """Writes the final status, and one line about it into the log. Raises ClaimLost."""
    _record(context, end.claim, **end.stored())
    _report(context, end)


def _report(context: WorkerContext, end: End) -> None:
    job, values = end.claim.job, end.values
    _remove_other_errors(context, end.claim, values.get("errors_name"))
    tell = log.warning if values["status"] == ImportStatus.FAILED else log.info
    if job.kind != IMPORT:
        tell(
            "change_finished",
            kind=job.kind,
            status=str(values["status"]),
            seconds=round(end.seconds, 3),
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
        seconds=round(end.seconds, 3),
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


def hand_back(context: WorkerContext, claims: Sequence[Claim]) -> None:
    """Requeues jobs that may be run again at once: nothing was wrong with most of them, and none
    counts as lost or requeued."""
    for claim in claims:
        with losable(context, claim):
            _record(context, claim, status=ImportStatus.QUEUED, phase=None, progress=0.0)


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
