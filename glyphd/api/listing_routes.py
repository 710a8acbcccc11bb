"""`/api/listings`: the current market, and the rows of single imports."""

from functools import partial

from bottle import HTTPResponse

from glyphd.api.answers import answer_json, answer_list, require_changed
from glyphd.api.descriptions import DATABASE_PROBLEMS, About, json_answer, list_answer, rows
from glyphd.api.kept_pages import KeptPages
from glyphd.api.kept_results import WholeResults
from glyphd.api.needs import READ
from glyphd.api.query_strings import query, require_limit
from glyphd.api.routes import Route
from glyphd.api.snapshots import reading
from glyphd.contracts.queries import ListingQuery, NoParameters
from glyphd.db.archive_versions import archive_version
from glyphd.errors import ListingNotCurrent, ListingNotFound
from glyphd.history.value_hints import asks_for_values, hint_for
from glyphd.listings.computed_columns import LISTED_COLUMNS
from glyphd.listings.search import Search, find_current, is_known
from glyphd.listings.statements import Statements
from glyphd.services import Services
from glyphd.storage.result_rows import RESULT_COLUMNS, SELECTABLE_COLUMNS, as_object

LISTING = "<listing_id:re:(?!import$)[^/]+>"
"""Excludes `import`: `POST /api/listings/import` is another route, and other methods on it are
405."""

CHOSEN_ROW = rows("ListingRow", SELECTABLE_COLUMNS, chosen=True)
LISTED_ROW = rows("ListedRow", LISTED_COLUMNS, chosen=True)
LIST = About(
    "list_listings",
    "Listings",
    "The current market, or the rows of single imports",
    (
        list_answer(
            LISTED_ROW,
            "The listings; without `limit` the whole result, as one snapshot",
            "Link",
            "X-Total-Count",
            "X-Hint",
            example=[{"model": "H100_SXM5_80GB", "seen_at": "2025-07-28T04:40:00.000000Z"}],
            csv_example="model,score\nH100_SXM5_80GB,0.9241\nRTX_A2000_12GB,0.4876\n",
        ),
    ),
    "For each listing its latest observation by `seen_at`; the latest is chosen first, then "
    "filtered. A row has the columns in `fields`, otherwise all except `extra` and those that are "
    "computed: `price_percentile` and those after it.",
    query=ListingQuery,
    columns=LISTED_COLUMNS,
    problems=DATABASE_PROBLEMS,
)
SHOW = About(
    "get_listing",
    "Listings",
    "The current row of one listing",
    (json_answer(rows("Listing", RESULT_COLUMNS), "The row", "ETag"),),
    "Its latest observation, with all columns except `extra`.",
    problems=(*DATABASE_PROBLEMS, ListingNotFound, ListingNotCurrent),
)


class ListingsApi:
    def __init__(self, services: Services, results: WholeResults) -> None:
        self._results = results
        self._archive = services.archive
        self._remembered = services.remembered
        self._pages = KeptPages()
        self._statements = Statements()

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/api/listings", self.list, READ, about=LIST),
            Route("GET", f"/api/listings/{LISTING}", self.show, READ, about=SHOW),
        ]

    def list(self) -> HTTPResponse:
        """A page with `limit`, else the whole result as one snapshot."""
        asked = query(ListingQuery)
        require_limit(asked.limit, asked.cursor)
        with reading(self._archive, asked):
            search = Search(self._archive, asked, self._statements, self._remembered.kept)
            count = search.count if asked.count else None
            return answer_list(
                asked,
                search,
                archive_version(self._archive),
                self._results,
                count=count,
                hint=partial(self._hint, asked, search),
                pages=self._pages,
            )

    def _hint(self, asked: ListingQuery, search: Search) -> str | None:
        if not asks_for_values(asked) or search.count(most=1):
            return None
        return hint_for(asked, self._remembered.values)

    def show(self, listing_id: str) -> HTTPResponse:
        """The current row of one listing."""
        query(NoParameters)
        key = listing_key(listing_id)
        with self._archive.connection_context():
            row = find_current(self._archive, key)
            if row is None and is_known(self._archive, key):
                raise ListingNotCurrent(
                    f"every event of listing {listing_id} is rolled back", listing_id=listing_id
                )
            if row is None:
                raise ListingNotFound(f"there is no listing {listing_id}", listing_id=listing_id)
            headers = require_changed(archive_version(self._archive))
        return answer_json(as_object(RESULT_COLUMNS, row), **headers)


def listing_key(listing_id: str) -> bytes:
    """The bytes of a `listing_id` in a path. Raises ListingNotFound for an invalid one."""
    try:
        key = bytes.fromhex(listing_id)
    except ValueError:
        key = b""
    if len(listing_id) != 32 or len(key) != 16:
        raise ListingNotFound(f"there is no listing {listing_id[:64]}: an id has 32 hex digits")
    return key
