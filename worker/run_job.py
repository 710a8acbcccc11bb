"""The life of a job in the worker: lock, claim, one attempt, and its outcome."""

import time
from contextlib import ExitStack
from typing import Any

import structlog

from glyphd.db.troubles import DATABASE_ERRORS, Trouble, trouble_of
from glyphd.errors import ImportTooLarge
from glyphd.importing.claims import Claim, ClaimLost
from glyphd.importing.job_queries import IMPORT
from worker.apart import ReaderLost
from worker.attempts import Halted
from worker.change_batch import ChangeAttempt
from worker.context import WorkerContext
from worker.final_values import broken, cancelled, failed, known_outcome, run_import, succeeded
from worker.import_file import FileImport
from worker.passing import passing_reason
from worker.progress import Halt, Watched, heartbeat
from worker.recording import End, losable, record_end, requeue
from worker.resting import is_hopeless, rest_after, rest_after_stop, why_hopeless
from worker.tidying import open_archive
from worker.together import claimed, run_together

log = structlog.get_logger(__name__)


def run_job(context: WorkerContext, job_id: int) -> None:
    """Runs the job unless it is finished, must wait, or is run by another process; together with
    the small imports that follow it. Never raises errors of a job."""
    try:
        with claimed(context, job_id) as claims:
            is_handed_back = len(claims) > 1 and not run_together(context, claims)
            if len(claims) == 1:
                _run_alone(context, claims[0])
        if is_handed_back:
            run_job(context, job_id)  # it is alone now, because it was attempted
    except Exception as error:
        if trouble_of(error) is Trouble.DAMAGED:
            log.error("database_damaged", reason=str(error))
        elif (reason := passing_reason(error)) is not None:
            log.warning("job_not_claimed", job_id=job_id, reason=reason, exc_info=True)
        else:
            raise


def _run_alone(context: WorkerContext, claim: Claim) -> None:
    """The archive stays open until the outcome is recorded, because closing the last connection
    copies the log into the main file.

    After a problem it is closed at once: that frees space on a full disk.
    """
    began = time.monotonic()
    with losable(context, claim), ExitStack() as until_recorded:
        try:
            with ExitStack() as opened:
                opened.enter_context(open_archive(context))
                values = _outcome(context, claim)
                until_recorded.push(opened.pop_all())
        except Halted as halted:
            _halt(context, claim, halted.why)
            return
        except ReaderLost:
            log.warning("reader_lost")
            # Its row is still `running`, as if this process had died: the sweep finds it, and
            # counts the attempt as lost.
            return
        except Exception as error:  # noqa: BLE001
            # The worker's boundary: a job's failure must not end the process.
            ended = _end_of(context, claim, error)
            if ended is None:
                return
            values = ended
        record_end(context, End(claim, values, time.monotonic() - began))


def _outcome(context: WorkerContext, claim: Claim) -> dict[str, Any]:
    """The job's final values."""
    known = known_outcome(context, claim)
    if known is not None:
        return known
    registry = context.services.registry
    kind = FileImport if claim.job.kind == IMPORT else ChangeAttempt
    attempt = kind(context, claim)
    with heartbeat(Watched(registry, claim, attempt.progress, context.stopping, attempt.interrupt)):
        if isinstance(attempt, FileImport):
            try:
                return run_import(attempt)
            except Halted as halted:
                if halted.why is Halt.CANCELLED:
                    return cancelled(context, claim)
                raise
        moment = attempt.run()
    # The import's row is updated before the job ends: after a crash in between, both are repeated.
    registry.note_change(claim, moment)
    return succeeded(None) | {"imported_at": moment}


def _end_of(context: WorkerContext, claim: Claim, error: Exception) -> dict[str, Any] | None:
    """The outcome of a job that ended with this error; None if the job waits and is tried again."""
    reason = passing_reason(error)
    if isinstance(error, ImportTooLarge):
        return failed(error.code, error.detail)
    if reason is None:
        return broken(context, error)
    if isinstance(error, DATABASE_ERRORS) and trouble_of(error) is None:
        context.is_suspect.set()
    log.warning("import_interrupted", reason=reason, detail=" ".join(str(error).split()))
    if is_hopeless(context.services.registry, claim.job, reason):
        return failed(ImportTooLarge.code, why_hopeless(claim.job, reason))
    requeue(context, claim, rest_after(claim.job, reason), reason)
    return None


def _halt(context: WorkerContext, claim: Claim, why: Halt) -> None:
    """Ends a halted attempt. Nothing of it was committed."""
    if why is Halt.LOST:
        raise ClaimLost(why.value)
    requeue(context, claim, rest_after_stop(claim.job))
