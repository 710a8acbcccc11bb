"""`/api/deltas` and `/api/listings/{listing_id}/history`: how listings changed from one observation
to the next."""

from functools import partial

from bottle import HTTPResponse

from glyphd.api.answers import answer_list, answer_whole, require_changed_list
from glyphd.api.descriptions import DATABASE_PROBLEMS, About, list_answer, rows
from glyphd.api.kept_results import WholeResults
from glyphd.api.listing_routes import listing_key
from glyphd.api.needs import READ
from glyphd.api.query_strings import query, require_limit
from glyphd.api.routes import Route
from glyphd.api.snapshots import reading
from glyphd.contracts.change_queries import DeltaQuery
from glyphd.contracts.queries import MomentQuery
from glyphd.db.archive_versions import archive_version
from glyphd.errors import ListingNotFound
from glyphd.history.delta_pages import DELTA_COLUMNS, Deltas
from glyphd.history.observations import OBSERVATION_COLUMNS, observations
from glyphd.history.value_hints import asks_for_values, hint_for
from glyphd.listings.search import is_known
from glyphd.services import Services

LIST = About(
    "list_deltas",
    "Changes",
    "Changes of price and score between successive observations of a listing, latest first",
    (list_answer(rows("Delta", DELTA_COLUMNS), "The changes", "Link", "X-Hint"),),
    "Rolled-back imports don't count.",
    query=DeltaQuery,
    problems=DATABASE_PROBLEMS,
)
HISTORY = About(
    "list_listing_history",
    "Listings",
    "All events of one listing, oldest first",
    (list_answer(rows("ListingEvent", OBSERVATION_COLUMNS), "The events"),),
    "Each event has every column of a row, and the change since the previous event.",
    query=MomentQuery,
    problems=(*DATABASE_PROBLEMS, ListingNotFound),
)


class DeltasApi:
    def __init__(self, services: Services, results: WholeResults) -> None:
        self._results = results
        self._archive = services.archive
        self._remembered = services.remembered

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/api/deltas", self.list, READ, about=LIST),
            Route(
                "GET",
                "/api/forecast/deltas",
                self.list,
                READ,
                about=LIST.also("list_forecast_deltas", "GET /api/deltas"),
            ),
            Route("GET", "/api/listings/<listing_id>/history", self.history, READ, about=HISTORY),
        ]

    def list(self) -> HTTPResponse:
        """A page with `limit`, else all changes as one snapshot."""
        asked = query(DeltaQuery)
        require_limit(asked.limit, asked.cursor)
        with reading(self._archive, asked):
            deltas = Deltas(self._archive, asked)
            hint = partial(self._hint, asked, deltas)
            version = archive_version(self._archive)
            return answer_list(asked, deltas, version, self._results, hint=hint)

    def _hint(self, asked: DeltaQuery, deltas: Deltas) -> str | None:
        if asked.cursor or not asks_for_values(asked) or deltas.page(1).rows:
            return None
        return hint_for(asked, self._remembered.values)

    def history(self, listing_id: str) -> HTTPResponse:
        """All events of one listing, oldest first."""
        asked, key = query(MomentQuery), listing_key(listing_id)
        with reading(self._archive):
            if not is_known(self._archive, key):
                raise ListingNotFound(f"there is no listing {listing_id}", listing_id=listing_id)
            headers = require_changed_list(asked, archive_version(self._archive))
            read = partial(observations, self._archive, key, asked.as_of)
            return answer_whole(asked, OBSERVATION_COLUMNS, read, self._results, headers)
