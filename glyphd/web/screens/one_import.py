"""`/imports/{import_id}`: how far an import is, what it did to the market, and what is wrong with its file."""

from typing import Annotated, Any

from bottle import HTTPResponse
from pydantic import Field

from glyphd.api.imports import errors_page
from glyphd.api.routes import ID, Route
from glyphd.contracts.imports import ImportStatus
from glyphd.contracts.numeric_cells import IntegerCell
from glyphd.contracts.queries import Query, QueryTime, read_parameters
from glyphd.db.registry_models import Job
from glyphd.importing.import_relations import changes_of, count_ahead, import_before
from glyphd.importing.registry import require_import
from glyphd.importing.status import view_import
from glyphd.services import Services
from glyphd.web.import_wording import ADVICE, standing
from glyphd.web.pace import pace_of, state_of
from glyphd.web.theme import Theme, here

PAGE_ROWS = 50
MOST_PAGE_ROWS = 200


class ImportPageQuery(Query):
    """What the page of an import is asked for."""

    limit: Annotated[int, IntegerCell(minimum=1, maximum=MOST_PAGE_ROWS)] = Field(PAGE_ROWS)
    cursor: str | None = Field(None, description="Where the page of row errors starts")
    as_of: QueryTime | None = Field(None, description="Not looked at: the page shows the present, and says so")


class OneImportScreen:
    def __init__(self, services: Services, theme: Theme) -> None:
        self._services = services
        self._theme = theme

    def routes(self) -> list[Route]:
        return [Route("GET", f"/imports/{ID}", self.show)]

    def show(self, import_id: str) -> HTTPResponse:
        asked = read_parameters(ImportPageQuery, here().pairs)
        return self._theme.page("one_import.html", self._values(import_id, asked))

    def _values(self, import_id: str, asked: ImportPageQuery) -> dict[str, Any]:
        registry = self._services.registry
        with registry.database.connection_context():
            job = require_import(registry, import_id)
            values = self._related(job)
        errors, next_cursor = errors_page(self._services.uploads, job, asked.limit, asked.cursor)
        return values | {"asked": asked, "errors": errors, "next_cursor": next_cursor}

    def _related(self, job: Job) -> dict[str, Any]:
        """What the registry says of it and around it."""
        registry, view = self._services.registry, view_import(job)
        has_rows = view.status == ImportStatus.SUCCEEDED and not view.dry_run
        ahead = count_ahead(registry.database, job) if view.status == ImportStatus.QUEUED else 0
        return {
            "view": view,
            "pace": pace_of(view),
            "state": state_of(view),
            "standing": standing(view, ahead, registry.workers_alive()),
            "advice": ADVICE.get(view.error.code) if view.error else None,
            "has_rows": has_rows,
            "changes": changes_of(registry.database, job) if has_rows else [],
            "before": import_before(registry.database, job) if has_rows else None,
        }
