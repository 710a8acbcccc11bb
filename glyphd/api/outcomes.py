"""The answer to a request that created an import, by the import's progress."""

from typing import Any

from bottle import HTTPResponse

from glyphd.api.answers import answer_json
from glyphd.api.preferences import wait_asked
from glyphd.api.problems import problem
from glyphd.api.waiting import Waiting
from glyphd.contracts.import_contracts import ImportStatus
from glyphd.db.registry_models import Job
from glyphd.importing.intake import Accepted
from glyphd.importing.status import view_import

_FAULT_OF_FILE = {"invalid_rows", "unreadable_file"}


def answer_upload(accepted: Accepted, waiting: Waiting, *, grace_seconds: float) -> HTTPResponse:
    """202, after a short wait; with `Prefer: wait=N` the result, if the import ends in time."""
    seconds = wait_asked()
    if seconds:
        return _marked(ended(waiting.until_final(accepted.job, seconds)), accepted)
    return _marked(
        pending(waiting.until_final(accepted.job, grace_seconds if seconds is None else 0)),
        accepted,
    )


def answer_end(accepted: Accepted, waiting: Waiting, *, patience_seconds: float) -> HTTPResponse:
    """The result, if the import ends within the client's waiting time or this default."""
    seconds = wait_asked()
    return _marked(
        ended(waiting.until_final(accepted.job, patience_seconds if seconds is None else seconds)),
        accepted,
    )


def _marked(answer: HTTPResponse, accepted: Accepted) -> HTTPResponse:
    if accepted.is_replayed:
        is_rolled_back = accepted.job.rolled_back_at is not None
        answer.set_header("Idempotent-Replayed", "rolled-back" if is_rolled_back else "true")
    return answer


def pending(job: Job) -> HTTPResponse:
    """202 with the current status."""
    return answer_json(view_import(job), 202, Location=_location(job), Retry_After="1")


def ended(job: Job) -> HTTPResponse:
    """200 for an import that succeeded or was cancelled, a problem with its status for a failed
    one, else 202."""
    if job.status in (ImportStatus.SUCCEEDED, ImportStatus.CANCELLED):
        return answer_json(view_import(job), 200, Location=_location(job))
    if job.status == ImportStatus.FAILED:
        return _failed(job)
    return pending(job)


def changed(change: Job, job: Job) -> HTTPResponse:
    """The progress of a rollback or a restore, with the status of its import: 200 done, 202 in
    progress, 500 failed."""
    if change.status == ImportStatus.FAILED:
        detail = str(change.error_message)
        return problem(
            500, str(change.error_code), f"The {change.kind} failed", detail, **_with_status(job)
        )
    return ended(job) if change.status == ImportStatus.SUCCEEDED else pending(job)


def _with_status(job: Job) -> dict[str, Any]:
    return {"import": view_import(job).model_dump(mode="json")}


def _failed(job: Job) -> HTTPResponse:
    view = view_import(job)
    assert view.error is not None
    status = 422 if view.error.code in _FAULT_OF_FILE else 500
    members: dict[str, Any] = {"errors": view.errors, **_with_status(job)}
    answer = problem(status, view.error.code, "The import failed", view.error.message, **members)
    answer.set_header("Location", _location(job))
    return answer


def _location(job: Job) -> str:
    return f"/api/imports/{job.import_id}"
