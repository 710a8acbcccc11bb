"""The answer to a request that made an import, by how far the import has come."""

from typing import Any

from bottle import HTTPResponse

from glyphd.api.answers import answer_json
from glyphd.api.problems import problem
from glyphd.contracts.imports import ImportStatus
from glyphd.db.registry_models import Job
from glyphd.importing.status import view_import

_FAULT_OF_FILE = {"invalid_rows", "unreadable_file"}


def accepted(job: Job) -> HTTPResponse:
    """202 with the status, whatever it is by now."""
    return answer_json(view_import(job), 202, Location=_location(job), Retry_After="1")


def ended(job: Job) -> HTTPResponse:
    """200 for an import that succeeded, a problem with the status inside for one that failed, else 202."""
    if job.status == ImportStatus.SUCCEEDED:
        return answer_json(view_import(job), 200, Location=_location(job))
    if job.status == ImportStatus.FAILED:
        return _failed(job)
    return accepted(job)


def _failed(job: Job) -> HTTPResponse:
    view = view_import(job)
    assert view.error is not None
    status = 422 if view.error.code in _FAULT_OF_FILE else 500
    members: dict[str, Any] = {"errors": view.errors, "import": view.model_dump(mode="json")}
    answer = problem(status, view.error.code, "The import failed", view.error.message, **members)
    answer.set_header("Location", _location(job))
    return answer


def _location(job: Job) -> str:
    return f"/api/imports/{job.import_id}"
