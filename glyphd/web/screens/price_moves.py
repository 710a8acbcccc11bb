"""`/changes`: how prices and scores moved from one observation to the next, the latest or the
largest first."""

from functools import partial
from typing import Annotated, Any, Literal

from bottle import HTTPResponse
from pydantic import Field

from glyphd.api.needs import READ
from glyphd.api.routes import Route
from glyphd.contracts.change_queries import DeltaQuery
from glyphd.contracts.numeric_cells import IntegerCell
from glyphd.contracts.parameter_reading import read_parameters
from glyphd.contracts.queries import QueryTime
from glyphd.db.archive_versions import archive_version
from glyphd.history.delta_pages import MOST_COMPARED, Deltas
from glyphd.history.value_hints import asks_for_values, hint_for
from glyphd.services import Services
from glyphd.web.theme import Theme, here

PAGE_ROWS = 50
MOST_PAGE_ROWS = 100


class ChangesPageQuery(DeltaQuery):
    """The parameters of the page."""

    sort: Literal["time", "size"] = Field(
        "time", description="The latest or the largest change first"
    )
    limit: Annotated[int, IntegerCell(minimum=1, maximum=MOST_PAGE_ROWS)] = Field(PAGE_ROWS)
    as_of: QueryTime | None = Field(None, description="Ignored: the page says so")


class PriceMovesScreen:
    def __init__(self, services: Services, theme: Theme) -> None:
        self._archive = services.archive
        self._remembered = services.remembered
        self._theme = theme

    def routes(self) -> list[Route]:
        return [Route("GET", "/changes", self.show, READ)]

    def show(self) -> HTTPResponse:
        asked = read_parameters(ChangesPageQuery, here().pairs)
        with self._archive.connection_context():
            headers = self._theme.require_changed(archive_version(self._archive))
            return self._theme.fitted(
                "price_moves.html", partial(self._found, asked), asked.limit, headers
            )

    def _found(self, asked: ChangesPageQuery, limit: int) -> dict[str, Any]:
        deltas = Deltas(self._archive, asked)
        page = deltas.largest(limit) if asked.sort == "size" else deltas.page(limit)
        is_hinted = not page.rows and asked.cursor is None and asks_for_values(asked)
        hint = hint_for(asked, self._remembered.values) if is_hinted else None
        shown = {"rows": page.objects(), "next_cursor": page.next_cursor, "hint": hint}
        return shown | {"asked": asked, "most_compared": MOST_COMPARED}
