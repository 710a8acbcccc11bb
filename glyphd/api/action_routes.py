"""The actions on an import: cancel, retry, roll back and restore."""

from collections.abc import Callable

from bottle import HTTPResponse

from glyphd.api.answers import answer_json
from glyphd.api.bodies import read_fields
from glyphd.api.callers import caller, wanted_import
from glyphd.api.import_log import import_line
from glyphd.api.needs import CHANGE_ITS_IMPORTS
from glyphd.api.outcomes import answer_accepted, changed
from glyphd.api.preferences import wait_asked
from glyphd.api.query_strings import idempotency_key, query, query_pairs
from glyphd.api.routes import ID, Route
from glyphd.api.upload_routes import require_room
from glyphd.api.waiting import Waiting
from glyphd.contracts.import_contracts import ImportStatus
from glyphd.contracts.import_options import ImportOptions
from glyphd.contracts.parameter_reading import read_parameters
from glyphd.contracts.queries import ChangeQuery, NoParameters
from glyphd.db.archive_models import RESTORE, ROLLBACK
from glyphd.db.registry_models import Job
from glyphd.importing.cancelling import cancel_import
from glyphd.importing.changes import WantedChange, request_change, require_change
from glyphd.importing.intake import Accepted
from glyphd.importing.job_queries import require_import
from glyphd.importing.requests import Asked
from glyphd.importing.status import view_import
from glyphd.services import Services
from glyphd.storage.supposing import foresee_change

CHANGE_GRACE_SECONDS = 1.0
"""The answer waits this long for a rollback or a restore, so that it is usually done."""


class ActionsApi:
    def __init__(self, services: Services, waiting: Waiting) -> None:
        self._services = services
        self._waiting = waiting

    def routes(self) -> list[Route]:
        return [
            Route("POST", f"/api/imports/{ID}/cancel", self.cancel, CHANGE_ITS_IMPORTS),
            Route("POST", f"/api/imports/{ID}/retry", self.retry, CHANGE_ITS_IMPORTS),
            Route("POST", f"/api/imports/{ID}/rollback", self.roll_back, CHANGE_ITS_IMPORTS),
            Route("POST", f"/api/imports/{ID}/restore", self.restore, CHANGE_ITS_IMPORTS),
        ]

    def cancel(self, import_id: str) -> HTTPResponse:
        """200 if it is cancelled, 202 if a worker must still stop."""
        query(NoParameters)
        services = self._services
        job = require_import(services.registry, import_id)
        job = cancel_import(job, services.registry, services.locks, services.archive)
        return answer_json(view_import(job), 200 if job.status == ImportStatus.CANCELLED else 202)

    def retry(self, import_id: str) -> HTTPResponse:
        """A new import of the same upload."""
        accepted = run_again(
            self._services,
            import_id,
            lambda: wanted_import(query(ImportOptions), idempotency_key()),
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
        return answer_json(
            {"import_id": job.import_id, "kind": kind, "dry_run": True, "effect": effect}
        )


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
