"""`/imports/{import_id}/rollback` and `/restore`: what would change, and the button that changes
it."""

from functools import partial

from bottle import HTTPResponse

from glyphd.api.action_routes import CHANGE_GRACE_SECONDS, foreseen_effect
from glyphd.api.bodies import read_fields
from glyphd.api.callers import caller
from glyphd.api.needs import CHANGE_ITS_IMPORTS
from glyphd.api.own_addresses import own_prefix
from glyphd.api.routes import ID, Route
from glyphd.api.waiting import Waiting
from glyphd.contracts.parameter_reading import read_parameters
from glyphd.contracts.queries import ChangeQuery, Query, QueryTime
from glyphd.db.archive_models import RESTORE, ROLLBACK
from glyphd.errors import ChangePending, NothingToChange
from glyphd.importing.changes import WantedChange, request_change
from glyphd.importing.job_queries import require_import
from glyphd.importing.status import view_import
from glyphd.services import Services
from glyphd.web.theme import Theme, here, moved_to


class ChangePageQuery(Query):
    """A change always applies to the present."""

    as_of: QueryTime | None = None


class ImportChangeScreen:
    def __init__(self, services: Services, theme: Theme, waiting: Waiting) -> None:
        self._services = services
        self._theme = theme
        self._waiting = waiting

    def routes(self) -> list[Route]:
        paths = ((f"/imports/{ID}/rollback", ROLLBACK), (f"/imports/{ID}/restore", RESTORE))
        methods = (("GET", self.show), ("POST", self.change))
        return [
            Route(method, path, partial(handle, kind), CHANGE_ITS_IMPORTS)
            for method, handle in methods
            for path, kind in paths
        ]

    def show(self, kind: str, import_id: str) -> HTTPResponse:
        """What would change. If it is already done or in progress, redirects to the import's own
        page."""
        read_parameters(ChangePageQuery, here().pairs)
        job = require_import(self._services.registry, import_id)
        try:
            effect = foreseen_effect(self._services, job, kind)
        except (NothingToChange, ChangePending):
            return moved_to(f"/imports/{job.import_id}", [])
        return self._theme.page(
            "import_change.html",
            {"view": view_import(job, prefix=own_prefix()), "kind": kind, "effect": effect},
        )

    def change(self, kind: str, import_id: str) -> HTTPResponse:
        """If the button is pressed twice, it is done once."""
        asked = read_parameters(ChangeQuery, read_fields())
        services = self._services
        job = require_import(services.registry, import_id)
        try:
            change = request_change(
                job, WantedChange(kind, asked.reason, caller()), services.registry, services.queue
            )
        except NothingToChange:
            return moved_to(f"/imports/{job.import_id}", [])
        self._waiting.until_final(change, CHANGE_GRACE_SECONDS)
        return moved_to(f"/imports/{job.import_id}", [])
