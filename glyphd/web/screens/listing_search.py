"""`/listings`: the matching offers, with pages in both directions."""

from functools import partial
from typing import Annotated, Any

from bottle import HTTPResponse
from pydantic import Field

from glyphd.api.needs import READ
from glyphd.api.routes import Route
from glyphd.contracts.numeric_cells import IntegerCell
from glyphd.contracts.parameter_reading import choices, read_parameters
from glyphd.contracts.queries import ListingQuery, SortKey
from glyphd.db.archive_versions import archive_version
from glyphd.history.facets import Facet, count_facets
from glyphd.history.value_hints import asks_for_values, hint_for
from glyphd.listings.search import Search
from glyphd.listings.statements import Statements
from glyphd.services import Services
from glyphd.storage.result_rows import SELECTABLE_COLUMNS
from glyphd.web.addresses import Address, Pairs
from glyphd.web.theme import Theme, here, moved_to
from glyphd.web.wording import cell_opening

PAGE_ROWS = 50
MOST_PAGE_ROWS = 100
SHOWN = (
    "model",
    "price_usd",
    "score",
    "condition",
    "seller",
    "region",
    "vram_gb",
    "availability",
    "source",
    "seen_at",
)
"""The columns of the table unless others are chosen."""
CHOOSABLE = tuple(name for name in SELECTABLE_COLUMNS if name != "listing_id")
SORTABLE = frozenset(word.removeprefix("-") for word in choices(SortKey))
FIRST_DOWN = frozenset({"score", "seen_at"})
"""Columns that are first sorted in descending order."""
TEXT_FILTERS = ("model", "region", "condition", "seller", "source_type", "source")
NOT_FILTERS = ("as_of", "sort", "fields", "limit", "cursor", "count", "history", "gone")
COUNTED_UNASKED = 2_000
"""How many offers are counted without a request."""
MOST_FACETED = 20_000
"""How many offers may match if they are to be counted by their values."""
MOST_FACETED_THEN = 2_000
"""The same for a moment in the past, where each offer must be looked up."""
_NOT_FACETED = {"sort", "fields", "limit", "cursor", "count", "format", "safe", "bom"}


class ListingsPageQuery(ListingQuery):
    """The parameters of the page, which always has a limit."""

    limit: Annotated[int, IntegerCell(minimum=1, maximum=MOST_PAGE_ROWS)] = Field(PAGE_ROWS)


class ListingSearchScreen:
    def __init__(self, services: Services, theme: Theme) -> None:
        self._archive = services.archive
        self._remembered = services.remembered
        self._theme = theme
        self._statements = Statements()

    def routes(self) -> list[Route]:
        return [Route("GET", "/listings", self.show, READ)]

    def show(self) -> HTTPResponse:
        at = here()
        if len(at.values("fields")) > 1:
            return moved_to(at.bare, _with_one_list(at))
        asked = read_parameters(ListingsPageQuery, at.pairs)
        with self._archive.connection_context():
            headers = self._theme.require_changed(archive_version(self._archive))
            values = self._described(asked)
            shown: tuple[str, ...] = values["shown"]
            wanted = asked.model_copy(update={"fields": [*shown, "listing_id"]})
            search = Search(self._archive, wanted, self._statements, self._remembered.kept)
            values |= {"sort": search.sort, "count": _counted(search, asked)}
            values["facets"] = self._facets(search, asked)
            found = partial(self._found, search, values)
            return self._theme.fitted("listing_search.html", found, asked.limit, headers)

    def _found(self, search: Search, values: dict[str, Any], limit: int) -> dict[str, Any]:
        asked, page = values["asked"], search.page(limit)
        is_all = asked.cursor is None and page.next_cursor is None
        is_empty = is_all and not page.rows
        return values | {
            "rows": page.objects(),
            "next_cursor": page.next_cursor,
            "previous_cursor": search.cursor_before(limit),
            "count": len(page.rows) if is_all else values["count"],
            "hint": self._hint(asked) if is_empty else None,
        }

    def _hint(self, asked: ListingsPageQuery) -> str | None:
        """Which values of the filters no offer has."""
        return hint_for(asked, self._remembered.values) if asks_for_values(asked) else None

    def _facets(self, search: Search, asked: ListingsPageQuery) -> list[Facet] | None:
        """How many offers have which values; None if too many match."""
        most = MOST_FACETED if asked.as_of is None else MOST_FACETED_THEN
        if search.is_counted_by_order and search.count(most + 1) > most:
            return None
        name = ("facets", asked.model_dump_json(exclude=_NOT_FACETED))
        return self._remembered.kept(name, lambda: count_facets(self._archive, asked, most))

    def _described(self, asked: ListingsPageQuery) -> dict[str, Any]:
        shown = tuple(dict.fromkeys(asked.fields)) or SHOWN
        return {
            "asked": asked,
            "shown": shown,
            "columns": [(name, cell_opening(name)) for name in shown],
            "choosable": CHOOSABLE,
            "sortable": SORTABLE,
            "first_down": FIRST_DOWN,
            "text_filters": TEXT_FILTERS,
            "most_counted": COUNTED_UNASKED,
            "most_faceted": MOST_FACETED if asked.as_of is None else MOST_FACETED_THEN,
            "is_filtered": bool(here().without(*NOT_FILTERS)),
            "wanted": {"fields": ",".join(shown)} if asked.fields else {},
        }


def _counted(search: Search, asked: ListingsPageQuery) -> int | None:
    """The number of offers, None if it is not known. Unless requested, counting ends at
    COUNTED_UNASKED + 1, and is skipped if every row would have to be looked up."""
    if asked.count:
        return search.count()
    return search.count(COUNTED_UNASKED + 1) if search.is_counted_by_order else None


def _with_one_list(at: Address) -> Pairs:
    """A form sends a field for each chosen column. The address has them as one list, or none for
    the default columns."""
    chosen = at.values("fields")
    fields = [] if set(chosen) == set(SHOWN) else [("fields", ",".join(chosen))]
    return [*at.without("fields"), *fields]
