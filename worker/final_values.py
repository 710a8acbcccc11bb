"""The final values of a job's row, by the outcome of an attempt."""

from typing import Any

import structlog

from glyphd.contracts.import_contracts import ImportStatus
from glyphd.db.troubles import DATABASE_ERRORS, Trouble, trouble_of
from glyphd.errors import FewerRows, RowsRefused, UnreadableFile
from glyphd.importing.claims import Claim
from glyphd.importing.integrity_log import IntegrityLog
from glyphd.importing.job_queries import IMPORT
from glyphd.storage.written import Written, find_written
from worker.attempts import Halted
from worker.context import WorkerContext
from worker.import_file import FileImport

MAX_LOST_ATTEMPTS = 5
_REPAIR_ADVICE = "restore a backup or rebuild the archive with `glyphd rebuild`, then retry"

_CANCELLED = {"status": ImportStatus.CANCELLED, "phase": None}

log = structlog.get_logger(__name__)


def known_outcome(context: WorkerContext, claim: Claim) -> dict[str, Any] | None:
    """The job's final values, if no attempt is needed. If the batch is in the archive, the import
    succeeded, whatever an earlier attempt reported."""
    job = claim.job
    written = find_written(context.archive, job.import_id) if job.kind == IMPORT else None
    if written is not None:
        return written.result | succeeded(written)
    if job.lost_count >= MAX_LOST_ATTEMPTS:
        return failed("worker_lost", f"the worker died in each of {job.lost_count} attempts")
    if context.services.registry.is_cancel_requested(job.id):
        return _CANCELLED
    return None


def run_import(attempt: FileImport) -> dict[str, Any]:
    """Runs the attempt; returns the job's final values. Raises what is no fault of the file."""
    try:
        attempt.run()
    except RowsRefused as error:
        return attempt.findings() | failed("invalid_rows", error.detail)
    except (FewerRows, UnreadableFile) as error:
        attempt.errors.settle()
        return attempt.findings() | failed(error.code, error.detail)
    except (Halted, *DATABASE_ERRORS):
        if attempt.written is None:  # otherwise the batch is in the archive already
            attempt.errors.discard()
            raise
    except BaseException:
        attempt.errors.discard()
        raise
    if attempt.written is None:
        return _foreseen(attempt) | succeeded(None) | {"record_count": attempt.record_count}
    return attempt.written.result | succeeded(attempt.written)


def _foreseen(attempt: FileImport) -> dict[str, Any]:
    """The findings of a dry run, with the effect that its rows would have."""
    findings, foreseen = attempt.findings(), attempt.foreseen
    return findings | foreseen | {"warnings": [*findings["warnings"], *foreseen["warnings"]]}


def cancelled(context: WorkerContext, claim: Claim) -> dict[str, Any]:
    """The values of a cancelled import, unless that came at the moment of its commit."""
    written = find_written(context.archive, claim.job.import_id)
    return _CANCELLED if written is None else written.result | succeeded(written)


def succeeded(written: Written | None) -> dict[str, Any]:
    """The values of a job that succeeded; those of its batch if it wrote one."""
    values = {"status": ImportStatus.SUCCEEDED, "progress": 1.0, "phase": None}
    if written is None:
        return values
    return values | {
        "record_count": written.record_count,
        "first_model": written.first_model,
        "last_model": written.last_model,
        "imported_at": written.imported_at,
    }


def failed(code: str, message: str) -> dict[str, Any]:
    """The values of a job that failed."""
    return {
        "status": ImportStatus.FAILED,
        "error_code": code,
        "error_message": message,
        "phase": None,
    }


def broken(context: WorkerContext, error: Exception) -> dict[str, Any]:
    """The outcome of a job that found damage or a bug in glyphd. A damaged archive stays damaged
    until it is repaired."""
    if trouble_of(error) is Trouble.DAMAGED:
        log.error("database_damaged", reason=str(error))
        IntegrityLog(context.services.registry).record([f"archive: found by a job: {error}"])
        return failed("archive_damaged", f"the archive is damaged: {_REPAIR_ADVICE} this import")
    if isinstance(error, DATABASE_ERRORS):
        context.is_suspect.set()
    log.error("import_crashed", exc_info=error)
    return failed("internal_error", "something went wrong inside glyphd; retry the import")
