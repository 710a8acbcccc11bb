"""`/compare`: listings that only one of two imports or of two moments has, and those in both with a
different price or score."""

from typing import Annotated, Any

from bottle import HTTPResponse
from pydantic import Field

from glyphd.api.diff_routes import require_brought
from glyphd.api.needs import READ
from glyphd.api.routes import Route
from glyphd.contracts.cells import TextCell
from glyphd.contracts.change_queries import DiffQuery, MomentDiffKind, MomentDiffQuery
from glyphd.contracts.numeric_cells import IntegerCell
from glyphd.contracts.parameter_reading import read_parameters
from glyphd.contracts.queries import Query, QueryTime
from glyphd.db.archive_versions import archive_version
from glyphd.history.import_diff import DiffList, list_diff
from glyphd.history.market_totals import recent_imports
from glyphd.history.matching import Brought
from glyphd.history.moment_diff import Market, list_moments
from glyphd.listings.results import Page
from glyphd.listings.search import known_at
from glyphd.request_errors import InvalidParameter
from glyphd.services import Services
from glyphd.web.theme import Theme, here

OFFERED_IMPORTS = 100
PAGE_ROWS = 50
MOST_PAGE_ROWS = 100
LISTED = (
    "listing_id",
    "import_index",
    "model",
    "price_usd",
    "score",
    "condition",
    "seller",
    "region",
    "seen_at",
)
_ImportName = Annotated[str | None, TextCell(max_length=64)]


class ComparePageQuery(Query):
    """The parameters of the page."""

    a: _ImportName = Field(None, description="The import that is compared with")
    b: _ImportName = Field(None, description="The import that is compared")
    from_: QueryTime | None = Field(
        None, alias="from", description="The moment that is compared with, instead of imports"
    )
    to: QueryTime | None = Field(None, description="The moment that is compared; default: now")
    kind: MomentDiffKind = Field("changed", description="Which list is shown")
    limit: Annotated[int, IntegerCell(minimum=1, maximum=MOST_PAGE_ROWS)] = Field(PAGE_ROWS)
    cursor: str | None = Field(None, description="Where the page starts")
    as_of: QueryTime | None = Field(
        None, description="Only imports that the archive held at this moment are offered"
    )


class ComparisonScreen:
    def __init__(self, services: Services, theme: Theme) -> None:
        self._services = services
        self._archive = services.archive
        self._theme = theme

    def routes(self) -> list[Route]:
        return [Route("GET", "/compare", self.show, READ)]

    def show(self) -> HTTPResponse:
        asked = read_parameters(ComparePageQuery, here().pairs)
        with self._archive.connection_context():
            headers = self._theme.require_changed(archive_version(self._archive))
            imports = recent_imports(
                self._archive, known_at(self._archive, asked.as_of), OFFERED_IMPORTS
            )
            values = {
                "asked": asked,
                "imports": imports,
                "rows": None,
                "most_offered": OFFERED_IMPORTS,
            }
            if asked.from_ is not None:
                return self._moments(asked, asked.from_, values, headers)
            if not (asked.a and asked.b):
                return self._theme.page("comparison.html", values, headers)
            old, new = require_brought(self._services, asked.a), require_brought(
                self._services, asked.b
            )
            values["counts"] = self._services.remembered.count_diff(old, new)
            listed = self._list(asked, old, new)
            return self._theme.fitted(
                "comparison.html",
                lambda limit: values | _found(listed.page(limit)),
                asked.limit,
                headers,
            )

    def _moments(
        self, asked: ComparePageQuery, since: str, values: dict[str, Any], headers: dict[str, str]
    ) -> HTTPResponse:
        """Two moments of the market."""
        old = Market(known_at(self._archive, since, "from"))
        new = Market(known_at(self._archive, asked.to, "to"))
        values["counts"] = self._services.remembered.count_moments(old, new)
        query = {"from": since, "to": asked.to, "kind": asked.kind, "cursor": asked.cursor}
        fields = {"fields": [] if asked.kind == "changed" else list(LISTED)}
        wanted = MomentDiffQuery.model_validate(query | fields)
        listed = list_moments(self._archive, wanted, asked.kind, old, new)
        return self._theme.fitted(
            "comparison.html",
            lambda limit: values | _found(listed.page(limit)),
            asked.limit,
            headers,
        )

    def _list(self, asked: ComparePageQuery, old: Brought, new: Brought) -> DiffList:
        if asked.kind == "gone":
            raise InvalidParameter("kind=gone: only between two moments", parameter="kind")
        fields = [] if asked.kind == "changed" else list(LISTED)
        return list_diff(
            self._archive,
            DiffQuery(kind=asked.kind, fields=fields, cursor=asked.cursor),
            asked.kind,
            old,
            new,
        )


def _found(page: Page) -> dict[str, Any]:
    return {"rows": page.objects(), "next_cursor": page.next_cursor}
