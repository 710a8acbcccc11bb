"""`/imports`: what was uploaded, the results, and what is in progress."""

from dataclasses import dataclass
from typing import Annotated, Any

from bottle import HTTPResponse
from pydantic import Field

from glyphd.api.needs import READ_ITS_SOURCE
from glyphd.api.own_addresses import own_prefix
from glyphd.api.routes import Route
from glyphd.api.visitors import own_source
from glyphd.contracts.import_contracts import ImportStatus, ImportView
from glyphd.contracts.numeric_cells import IntegerCell
from glyphd.contracts.parameter_reading import read_parameters
from glyphd.contracts.queries import ImportQuery, QueryTime
from glyphd.db.registry_models import Job
from glyphd.importing.import_filters import IMPORT_FILTERS
from glyphd.importing.import_relations import imports_after
from glyphd.importing.status import view_import
from glyphd.listings.cursors import read_cursor, write_cursor
from glyphd.services import Services
from glyphd.times import text_after
from glyphd.web.known_sources import known_sources
from glyphd.web.pace import Pace, pace_of, state_of
from glyphd.web.theme import Theme, here

PAGE_ROWS = 50
MOST_PAGE_ROWS = 100
MOST_SOURCES = 50


class ImportsPageQuery(ImportQuery):
    """The parameters of the page."""

    limit: Annotated[int, IntegerCell(minimum=1, maximum=MOST_PAGE_ROWS)] = Field(PAGE_ROWS)
    as_of: QueryTime | None = Field(
        None, description="Only imports that had been received at this moment"
    )


@dataclass(frozen=True)
class ShownImport:
    """One row of the list."""

    view: ImportView
    pace: Pace
    state: str


class ImportListScreen:
    def __init__(self, services: Services, theme: Theme) -> None:
        self._registry = services.registry
        self._theme = theme

    def routes(self) -> list[Route]:
        return [Route("GET", "/imports", self.show, READ_ITS_SOURCE)]

    def show(self) -> HTTPResponse:
        asked = read_parameters(ImportsPageQuery, here().pairs)
        with self._registry.connected():
            values = self._found(asked)
            values["workers"] = self._registry.workers_alive()
            values["sources"] = known_sources(self._registry.database, MOST_SOURCES)
        values |= {"asked": asked, "statuses": [str(status) for status in ImportStatus]}
        return self._theme.page("import_list.html", values)

    def _found(self, asked: ImportsPageQuery) -> dict[str, Any]:
        wanted = wanted_imports(asked)
        before = read_cursor(wanted, asked.cursor, (int,))[0] if asked.cursor else None
        jobs = self._registry.imports(wanted, before=before, limit=asked.limit + 1)
        shown = jobs[: asked.limit]
        return {
            "imports": [shown_import(job) for job in shown],
            "next_cursor": (
                write_cursor(wanted, [shown[-1].id]) if len(jobs) > asked.limit else None
            ),
            "newer_cursor": self._newer(wanted, shown, asked.limit) if asked.cursor else None,
            "is_filtered": bool(here().without("as_of", "limit", "cursor")),
            "wanted": {"received_before": wanted["received_before"]} if asked.as_of else {},
            "count": self._registry.count_imports(wanted) if asked.count else None,
        }

    def _newer(self, wanted: dict[str, Any], shown: list[Job], limit: int) -> str | None:
        """The cursor of the page with newer ones; None for the first page, which needs no
        cursor."""
        if not shown:
            return None
        later = imports_after(self._registry.database, wanted, shown[0].id, limit + 1)
        return write_cursor(wanted, [later[limit]]) if len(later) > limit else None


def wanted_imports(asked: ImportsPageQuery) -> dict[str, Any]:
    """The filters. With a moment, imports received after it are left out."""
    wanted = asked.model_dump(mode="json", include=set(IMPORT_FILTERS))
    wanted["source"] = own_source(asked.source)
    if asked.as_of is not None:
        until = text_after(asked.as_of)
        wanted["received_before"] = min(until, wanted["received_before"] or until)
    return wanted


def shown_import(job: Job) -> ShownImport:
    view = view_import(job, prefix=own_prefix())
    return ShownImport(view, pace_of(view), state_of(view))
