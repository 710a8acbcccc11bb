"""The life of a job in the worker: lock, claim, one attempt, and its outcome."""

import time
from contextlib import ExitStack
from typing import Any

import structlog
from structlog.contextvars import bound_contextvars

from glyphd.contracts.import_contracts import ImportStatus
from glyphd.db.checkpoints import checkpoint, has_long_log
from glyphd.db.troubles import DATABASE_ERRORS, Trouble, trouble_of
from glyphd.errors import FewerRows, GlyphdError, ImportTooLarge, RowsRefused, UnreadableFile
from glyphd.importing.claims import Claim, ClaimLost
from glyphd.importing.integrity_log import IntegrityLog
from glyphd.importing.job_queries import IMPORT
from glyphd.importing.traces import trace_id_of
from glyphd.storage.writing import Written, find_written
from worker.apart import ReaderLost
from worker.attempts import Halted
from worker.change_batch import ChangeAttempt
from worker.context import WorkerContext
from worker.import_file import FileImport
from worker.passing import passing_reason
from worker.progress import Halt, Watched, heartbeat
from worker.recording import record_end, requeue
from worker.resting import is_hopeless, rest_after, rest_after_stop, why_hopeless

MAX_LOST_ATTEMPTS = 5
_REPAIR_ADVICE = "restore a backup or rebuild the archive with `glyphd rebuild`, then retry"

_CANCELLED = {"status": ImportStatus.CANCELLED, "phase": None}

log = structlog.get_logger(__name__)


def run_job(context: WorkerContext, job_id: int) -> None:
    """Runs the job unless it is finished, must wait, or is run by another process. Never raises
    errors of a job."""
    try:
        _run_alone(context, job_id)
    except Exception as error:
        if trouble_of(error) is Trouble.DAMAGED:
            log.error("database_damaged", reason=str(error))
        elif (reason := passing_reason(error)) is not None:
            log.warning("job_not_claimed", job_id=job_id, reason=reason, exc_info=True)
        else:
            raise


def _run_alone(context: WorkerContext, job_id: int) -> None:
    registry = context.services.registry
    with context.services.locks.hold(job_id) as is_held:
        claim = registry.claim(job_id) if is_held else None
        if claim is None:
            return
        with (
            bound_contextvars(**_names_of(claim)),
            ExitStack() as until_recorded,
        ):
            try:
                _attempt(context, claim, until_recorded)
            except ClaimLost:
                registry.uncount_lost(claim)
                log.warning("claim_lost")


def _names_of(claim: Claim) -> dict[str, Any]:
    """What each log line of an attempt names."""
    job = claim.job
    names: dict[str, Any] = {"import_id": job.import_id, "attempt": claim.attempt}
    if job.traceparent is not None:
        names["trace_id"] = trace_id_of(job.traceparent)
    return names


def _attempt(context: WorkerContext, claim: Claim, until_recorded: ExitStack) -> None:
    """The archive stays open until the outcome is recorded, because closing the last connection
    copies the log into the main file.

    After a problem it is closed at once: that frees space on a full disk.
    """
    began = time.monotonic()
    try:
        with ExitStack() as opened:
            opened.enter_context(context.archive.connection_context())
            opened.callback(_tidy, context)
            values = _outcome(context, claim)
            until_recorded.push(opened.pop_all())
    except Halted as halted:
        _halt(context, claim, halted.why)
        return
    except ReaderLost:
        log.warning("reader_lost")
        # Its row is still `running`, as if this process had died: the sweep finds it, and counts
        # the attempt as lost.
        return
    except Exception as error:  # noqa: BLE001
        # The worker's boundary: a job's failure must not end the process.
        ended = _end_of(context, claim, error)
        if ended is None:
            return
        values = ended
    record_end(context, claim, values, time.monotonic() - began)


def _end_of(context: WorkerContext, claim: Claim, error: Exception) -> dict[str, Any] | None:
    """The outcome of a job that ended with this error; None if the job waits and is tried again."""
    reason = passing_reason(error)
    if isinstance(error, ImportTooLarge):
        return _failed(error.code, error.detail)
    if reason is None:
        return _broken(context, error)
    if isinstance(error, DATABASE_ERRORS) and trouble_of(error) is None:
        context.is_suspect.set()
    log.warning("import_interrupted", reason=reason, detail=" ".join(str(error).split()))
    if is_hopeless(context.services.registry, claim.job, reason):
        return _failed(ImportTooLarge.code, why_hopeless(claim.job, reason))
    requeue(context, claim, rest_after(claim.job, reason), reason)
    return None


def _tidy(context: WorkerContext) -> None:
    """Does what the commit postponed, now that no client waits for the job any more.

    While other jobs wait, SQLite's log may grow: small imports change the same pages, which are
    then copied once for all of them.
    """
    try:
        if has_long_log(context.archive) or not context.services.registry.count_unfinished():
            checkpoint(context.archive)
    except (GlyphdError, OSError, *DATABASE_ERRORS):
        log.warning("checkpoint_failed", exc_info=True)


def _outcome(context: WorkerContext, claim: Claim) -> dict[str, Any]:
    """The job's final values. If the batch is in the archive, the import succeeded, whatever the
    attempt reported."""
    job, registry = claim.job, context.services.registry
    written = find_written(context.archive, job.import_id) if job.kind == IMPORT else None
    if written is not None:
        return written.result | _succeeded(written)
    if job.lost_count >= MAX_LOST_ATTEMPTS:
        return _failed("worker_lost", f"the worker died in each of {job.lost_count} attempts")
    if job.cancel_requested_at is not None:
        return _CANCELLED
    kind = FileImport if job.kind == IMPORT else ChangeAttempt
    attempt = kind(context, claim)
    with heartbeat(Watched(registry, claim, attempt.progress, context.stopping, attempt.interrupt)):
        if isinstance(attempt, FileImport):
            return _run(context, claim, attempt)
        moment = attempt.run()
    # The import's row is updated before the job ends: after a crash in between, both are repeated.
    registry.note_change(claim, moment)
    return _succeeded(None) | {"imported_at": moment}


def _run(context: WorkerContext, claim: Claim, attempt: FileImport) -> dict[str, Any]:
    try:
        attempt.run()
    except RowsRefused as error:
        return attempt.findings() | _failed("invalid_rows", error.detail)
    except (FewerRows, UnreadableFile) as error:
        attempt.errors.settle()
        return attempt.findings() | _failed(error.code, error.detail)
    except (Halted, *DATABASE_ERRORS) as error:
        if attempt.written is None:  # otherwise the batch is in the archive already
            attempt.errors.discard()
            if isinstance(error, Halted) and error.why is Halt.CANCELLED:
                return _cancelled(context, claim)
            raise
    except BaseException:
        attempt.errors.discard()
        raise
    if attempt.written is None:
        return _foreseen(attempt) | _succeeded(None) | {"record_count": attempt.record_count}
    return attempt.written.result | _succeeded(attempt.written)


def _foreseen(attempt: FileImport) -> dict[str, Any]:
    """The findings of a dry run, with the effect that its rows would have."""
    findings, foreseen = attempt.findings(), attempt.foreseen
    return findings | foreseen | {"warnings": [*findings["warnings"], *foreseen["warnings"]]}


def _cancelled(context: WorkerContext, claim: Claim) -> dict[str, Any]:
    """Looks for a cancellation once more: it may have come at the moment of the commit."""
    written = find_written(context.archive, claim.job.import_id)
    return _CANCELLED if written is None else written.result | _succeeded(written)


def _halt(context: WorkerContext, claim: Claim, why: Halt) -> None:
    """Ends a halted attempt. Nothing of it was committed."""
    if why is Halt.LOST:
        raise ClaimLost(why.value)
    requeue(context, claim, rest_after_stop(claim.job))


def _succeeded(written: Written | None) -> dict[str, Any]:
    values = {"status": ImportStatus.SUCCEEDED, "progress": 1.0, "phase": None}
    if written is None:
        return values
    return values | {
        "record_count": written.record_count,
        "first_model": written.first_model,
        "last_model": written.last_model,
        "imported_at": written.imported_at,
    }


def _failed(code: str, message: str) -> dict[str, Any]:
    return {
        "status": ImportStatus.FAILED,
        "error_code": code,
        "error_message": message,
        "phase": None,
    }


def _broken(context: WorkerContext, error: Exception) -> dict[str, Any]:
    """The outcome of a job that found damage or a bug in glyphd. A damaged archive stays damaged
    until it is repaired."""
    if trouble_of(error) is Trouble.DAMAGED:
        log.error("database_damaged", reason=str(error))
        IntegrityLog(context.services.registry).record([f"archive: found by a job: {error}"])
        return _failed("archive_damaged", f"the archive is damaged: {_REPAIR_ADVICE} this import")
    if isinstance(error, DATABASE_ERRORS):
        context.is_suspect.set()
    log.error("import_crashed", exc_info=error)
    return _failed("internal_error", "something went wrong inside glyphd; retry the import")
