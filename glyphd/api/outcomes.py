"""The answer to a request that created an import, by the import's progress."""

from typing import Any, get_args

from bottle import HTTPResponse

from glyphd.api.answers import answer_json
from glyphd.api.descriptions import JSON, Answer, Content, Failure
from glyphd.api.own_addresses import own_prefix
from glyphd.api.preferences import wait_asked
from glyphd.api.problems import problem
from glyphd.api.waiting import Waiting
from glyphd.contracts.import_contracts import ImportFailure, ImportStatus, ImportView
from glyphd.db.registry_models import Job
from glyphd.importing.intake import Accepted
from glyphd.importing.job_queries import JobQueries
from glyphd.importing.status import view_import, view_imports

_FAULT_OF_FILE = {"invalid_rows", "unreadable_file", "fewer_rows"}
_FAILED = "The import failed"
IMPORT_FAILURES = tuple(
    Failure(422 if code in _FAULT_OF_FILE else 500, code, _FAILED, ("Location",))
    for code in get_args(ImportFailure.model_fields["code"].annotation)
)
"""The problems of an import that the request waited for."""

_ID = {"import_id": "$response.body#/import_id"}
_LINKS = {
    "status": {"operationId": "get_import", "parameters": _ID},
    "errors": {"operationId": "list_import_errors", "parameters": _ID},
    "report": {"operationId": "get_import_report", "parameters": _ID},
    "file": {"operationId": "get_import_file", "parameters": _ID},
    "listings": {"operationId": "list_listings", "parameters": _ID},
    "cancel": {"operationId": "cancel_import", "parameters": _ID},
    "retry": {"operationId": "retry_import", "parameters": _ID},
    "rollback": {"operationId": "roll_back_import", "parameters": _ID},
    "restore": {"operationId": "restore_import", "parameters": _ID},
}
_STATUS = (Content(JSON, ImportView),)
UPLOAD_ANSWERS = (
    Answer(
        202,
        "Accepted: the status of the import, which is now stored safely",
        _STATUS,
        ("Location", "Retry-After", "Idempotent-Replayed"),
        _LINKS,
    ),
    Answer(
        200,
        "With `Prefer: wait=N`: the import has ended",
        _STATUS,
        ("Location", "Idempotent-Replayed"),
        _LINKS,
    ),
)
"""The answers to a request that created an import."""


def answer_accepted(
    accepted: Accepted, waiting: Waiting, *, seconds_unasked: float, is_end_expected: bool = False
) -> HTTPResponse:
    """The import's outcome, if the client asked to wait (`Prefer: wait=N`) or the route waits by
    default, and it ends in time; else 202.

    Without a preference the request waits for `seconds_unasked`.
    """
    seconds = wait_asked()
    job = waiting.until_final(accepted.job, seconds_unasked if seconds is None else seconds)
    answer_with = ended if seconds or is_end_expected else pending
    answer = answer_with(job, waiting.registry)
    if accepted.is_replayed:
        is_rolled_back = accepted.job.rolled_back_at is not None
        answer.set_header("Idempotent-Replayed", "rolled-back" if is_rolled_back else "true")
    return answer


def pending(job: Job, registry: JobQueries) -> HTTPResponse:
    """202 with the current status."""
    view = _view(job, registry)
    return answer_json(view, 202, Location=view.links.self, Retry_After="1")


def ended(job: Job, registry: JobQueries) -> HTTPResponse:
    """200 for an import that succeeded or was cancelled, a problem with its status for a failed
    one, else 202."""
    if job.status in (ImportStatus.SUCCEEDED, ImportStatus.CANCELLED):
        view = _view(job, registry)
        return answer_json(view, 200, Location=view.links.self)
    return _failed(job) if job.status == ImportStatus.FAILED else pending(job, registry)


def changed(change: Job, job: Job, registry: JobQueries) -> HTTPResponse:
    """The progress of a rollback or a restore, with the status of its import: 200 done, 202 in
    progress, 500 failed."""
    if change.status == ImportStatus.FAILED:
        detail = str(change.error_message)
        members = _with_status(_view(job, registry))
        return problem(500, str(change.error_code), f"The {change.kind} failed", detail, **members)
    is_done = change.status == ImportStatus.SUCCEEDED
    return ended(job, registry) if is_done else pending(job, registry)


def _view(job: Job, registry: JobQueries) -> ImportView:
    (view,) = view_imports(registry, [job], prefix=own_prefix())
    return view


def _with_status(view: ImportView) -> dict[str, Any]:
    return {"import": view.model_dump(mode="json")}


def _failed(job: Job) -> HTTPResponse:
    view = view_import(job, prefix=own_prefix())
    assert view.error is not None
    status = 422 if view.error.code in _FAULT_OF_FILE else 500
    members: dict[str, Any] = {"errors": view.errors, **_with_status(view)}
    answer = problem(status, view.error.code, _FAILED, view.error.message, **members)
    answer.set_header("Location", view.links.self)
    return answer
