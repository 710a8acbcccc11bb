"""What can be done to an import: cancel it, or run it again."""

from bottle import HTTPResponse

from glyphd.api.answers import answer_json
from glyphd.api.outcomes import answer_upload
from glyphd.api.parameters import idempotency_key, query
from glyphd.api.routes import ID, Route
from glyphd.api.uploads import require_room
from glyphd.api.waiting import Waiting
from glyphd.contracts.imports import ImportOptions, ImportStatus
from glyphd.contracts.queries import NoParameters
from glyphd.importing.cancelling import cancel_import
from glyphd.importing.registry import require_import
from glyphd.importing.status import view_import
from glyphd.services import Services


class ActionsApi:
    def __init__(self, services: Services, waiting: Waiting) -> None:
        self._services = services
        self._waiting = waiting

    def routes(self) -> list[Route]:
        return [
            Route("POST", f"/api/imports/{ID}/cancel", self.cancel),
            Route("POST", f"/api/imports/{ID}/retry", self.retry),
        ]

    def cancel(self, import_id: str) -> HTTPResponse:
        """200 when it is cancelled, 202 when a worker still has to let go of it."""
        query(NoParameters)
        services = self._services
        job = require_import(services.registry, import_id)
        job = cancel_import(job, services.registry, services.locks, services.archive)
        return answer_json(view_import(job), 200 if job.status == ImportStatus.CANCELLED else 202)

    def retry(self, import_id: str) -> HTTPResponse:
        """A new import of the same upload."""
        key, options = idempotency_key(), query(ImportOptions)
        require_room(self._services)
        job = require_import(self._services.registry, import_id)
        accepted = self._services.intake.retry(job, options, key=key)
        return answer_upload(accepted, self._waiting, grace_seconds=0)
