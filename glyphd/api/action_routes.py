"""The actions on an import: cancel, retry, roll back and restore."""

from collections.abc import Callable
from dataclasses import replace

from bottle import HTTPResponse
from pydantic import BaseModel

from glyphd.api.answers import answer_json
from glyphd.api.bodies import FORM, read_fields
from glyphd.api.callers import caller, wanted_import
from glyphd.api.descriptions import (
    DATABASE_PROBLEMS,
    JSON,
    UPLOAD_PROBLEMS,
    About,
    Answer,
    AnyOf,
    Content,
    Failure,
    FormFields,
    RequestBody,
    json_answer,
)
from glyphd.api.import_log import import_line
from glyphd.api.needs import CHANGE_ITS_IMPORTS
from glyphd.api.outcomes import IMPORT_FAILURES, UPLOAD_ANSWERS, answer_accepted, changed
from glyphd.api.own_addresses import own_prefix
from glyphd.api.preferences import wait_asked
from glyphd.api.query_strings import idempotency_key, query, query_pairs
from glyphd.api.routes import ID, Route
from glyphd.api.upload_routes import require_room
from glyphd.api.waiting import Waiting
from glyphd.contracts.import_contracts import ImportStatus, ImportView
from glyphd.contracts.import_options import ImportOptions
from glyphd.contracts.parameter_reading import read_parameters
from glyphd.contracts.queries import ChangeQuery, NoParameters
from glyphd.contracts.service_views import ChangeEffect, ForeseenChange
from glyphd.db.archive_models import RESTORE, ROLLBACK
from glyphd.db.registry_models import Job
from glyphd.errors import (
    ChangePending,
    FileRefused,
    ImportFinal,
    ImportNotFound,
    ImportNotRetryable,
    ImportNotSucceeded,
    NothingToChange,
    SourceMissing,
    TooManyImports,
)
from glyphd.importing.cancelling import cancel_import
from glyphd.importing.changes import WantedChange, request_change, require_change
from glyphd.importing.intake import Accepted
from glyphd.importing.job_queries import require_import
from glyphd.importing.requests import Asked
from glyphd.importing.status import view_import
from glyphd.services import Services
from glyphd.storage.supposing import foresee_change

CHANGE_GRACE_SECONDS = 1.0
"""The answer waits this many seconds for a rollback or a restore, so that it is usually done."""


def _fields(name: str, contract: type[BaseModel]) -> RequestBody:
    """The parameters as the fields of a form or the members of a JSON object."""
    fields = FormFields(name, contract)
    return RequestBody((Content(FORM, fields), Content(JSON, fields)), required=False)


CANCEL = About(
    "cancel_import",
    "Imports",
    "Stop an import that has not ended",
    (
        json_answer(ImportView, "It is cancelled"),
        json_answer(ImportView, "Its worker is still stopping", status=202),
    ),
    "A cancelled import leaves no row.",
    problems=(*DATABASE_PROBLEMS, ImportNotFound, ImportFinal),
)
RETRY = About(
    "retry_import",
    "Imports",
    "Run an import again from the kept file, or a dry run for real",
    UPLOAD_ANSWERS,
    "A new import of the same upload. Options that are not given stay the same.",
    query=ImportOptions,
    headers=("Prefer", "Idempotency-Key"),
    body=_fields("RetryForm", ImportOptions),
    problems=(
        *UPLOAD_PROBLEMS,
        ImportNotFound,
        ImportNotRetryable,
        SourceMissing,
        FileRefused,
        TooManyImports,
        *IMPORT_FAILURES,
    ),
)
_FORESEEN = {
    "import_id": "9a0a2c8e-1b2f-4b0e-8a55-0c1a4f6a3d12",
    "kind": "rollback",
    "dry_run": True,
    "effect": {
        "added": 0,
        "removed": 3,
        "changed": 20,
        "unchanged": 1,
        "indistinct": 0,
        "gone": 0,
        "back": 0,
    },
}
_CHANGED = (
    Answer(
        200,
        "It is done: the import's status; with `dry_run` what would change",
        (Content(JSON, AnyOf((ImportView, ForeseenChange)), _FORESEEN),),
        ("Location",),
    ),
    json_answer(ImportView, "It is in progress", "Location", "Retry-After", status=202),
)
ROLL_BACK = About(
    "roll_back_import",
    "Imports",
    "Remove an import's rows from every current view",
    _CHANGED,
    "Nothing is deleted: the events stay in the history and under their `import_id`.",
    query=ChangeQuery,
    headers=("Prefer",),
    body=_fields("ChangeForm", ChangeQuery),
    problems=(
        *DATABASE_PROBLEMS,
        ImportNotFound,
        ImportNotSucceeded,
        NothingToChange,
        ChangePending,
        Failure(500, "archive_damaged", "The rollback failed"),
    ),
)
RESTORED = replace(
    ROLL_BACK,
    operation="restore_import",
    summary="Bring back the rows of an import that was rolled back",
    detail="Afterwards the market is the same as if the import had never been rolled back.",
)


class ActionsApi:
    def __init__(self, services: Services, waiting: Waiting) -> None:
        self._services = services
        self._waiting = waiting

    def routes(self) -> list[Route]:
        return [
            Route(
                "POST", f"/api/imports/{ID}/cancel", self.cancel, CHANGE_ITS_IMPORTS, about=CANCEL
            ),
            Route("POST", f"/api/imports/{ID}/retry", self.retry, CHANGE_ITS_IMPORTS, about=RETRY),
            Route(
                "POST",
                f"/api/imports/{ID}/rollback",
                self.roll_back,
                CHANGE_ITS_IMPORTS,
                about=ROLL_BACK,
            ),
            Route(
                "POST",
                f"/api/imports/{ID}/restore",
                self.restore,
                CHANGE_ITS_IMPORTS,
                about=RESTORED,
            ),
        ]

    def cancel(self, import_id: str) -> HTTPResponse:
        """200 if it is cancelled, 202 if a worker must still stop."""
        query(NoParameters)
        services = self._services
        job = require_import(services.registry, import_id)
        job = cancel_import(job, services.registry, services.locks, services.archive)
        return answer_json(
            view_import(job, prefix=own_prefix()),
            200 if job.status == ImportStatus.CANCELLED else 202,
        )

    def retry(self, import_id: str) -> HTTPResponse:
        """A new import of the same upload."""
        accepted = run_again(
            self._services,
            import_id,
            lambda: wanted_import(
                read_parameters(ImportOptions, [*query_pairs(), *read_fields()]), idempotency_key()
            ),
        )
        return answer_accepted(accepted, self._waiting, seconds_unasked=0)

    def roll_back(self, import_id: str) -> HTTPResponse:
        """Removes the import's rows from every current view."""
        return self._change(import_id, ROLLBACK)

    def restore(self, import_id: str) -> HTTPResponse:
        """Brings back the rows of an import that was rolled back."""
        return self._change(import_id, RESTORE)

    def _change(self, import_id: str, kind: str) -> HTTPResponse:
        services = self._services
        asked = read_parameters(ChangeQuery, [*query_pairs(), *read_fields()])
        job = require_import(services.registry, import_id)
        wanted = WantedChange(kind, asked.reason, caller())
        if asked.dry_run:
            return self._foresee(job, kind)
        change = request_change(job, wanted, services.registry, services.queue)
        seconds = wait_asked()
        change = self._waiting.until_final(
            change, CHANGE_GRACE_SECONDS if seconds is None else seconds
        )
        job = require_import(services.registry, import_id)
        return changed(change, job, services.registry)

    def _foresee(self, job: Job, kind: str) -> HTTPResponse:
        effect = foreseen_effect(self._services, job, kind)
        view = ForeseenChange(import_id=job.import_id, kind=kind, effect=ChangeEffect(**effect))
        return answer_json(view)


def run_again(services: Services, import_id: str, read_asked: Callable[[], Asked]) -> Accepted:
    """A new import of the same upload, logged like any other. `read_asked` can raise errors of the
    request."""
    with import_line() as line:
        asked = read_asked()
        require_room(services)
        job = require_import(services.registry, import_id)
        line.filename = job.filename
        accepted = line.accepted = services.intake.retry(job, asked)
    return accepted


def foreseen_effect(services: Services, job: Job, kind: str) -> dict[str, int]:
    """How the change would affect the market; refused like the change itself."""
    require_change(job, kind, services.registry)
    with services.archive.connection_context():
        return foresee_change(services.archive, job.import_id, kind)
