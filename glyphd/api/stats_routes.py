"""`/api/stats`: prices and scores of any part of the market, in groups."""

from functools import partial

from bottle import HTTPResponse

from glyphd.api.answers import answer_list
from glyphd.api.descriptions import DATABASE_PROBLEMS, About, list_answer, rows
from glyphd.api.kept_results import WholeResults
from glyphd.api.needs import READ
from glyphd.api.query_strings import query, require_limit
from glyphd.api.routes import Route
from glyphd.api.snapshots import reading
from glyphd.contracts.market_queries import (
    Grouping,
    GroupQuery,
    IndexQuery,
    StatsHistoryQuery,
    StatsQuery,
)
from glyphd.contracts.parameter_reading import choices
from glyphd.db.archive_versions import archive_version
from glyphd.history.market_stats import STATISTICS, Stats
from glyphd.history.price_index import INDEX_COLUMNS, PriceIndex
from glyphd.history.remembered_history import RememberedSeries
from glyphd.history.series import Series
from glyphd.history.stats_history import BUCKETED, StatsHistory
from glyphd.history.value_hints import asks_for_values, hint_for
from glyphd.services import Services

STATS_COLUMNS = (*choices(Grouping), *STATISTICS)
LIST = About(
    "list_stats",
    "Market",
    "Prices and scores of the market in groups",
    (
        list_answer(
            rows("Stats", STATS_COLUMNS, chosen=True),
            "The groups, in the order of their values",
            "Link",
            "X-Hint",
        ),
    ),
    "A row has the columns in `by`, then all the statistics. It takes the filters of "
    "`GET /api/listings`.",
    query=StatsQuery,
    problems=DATABASE_PROBLEMS,
)

HISTORY = About(
    "list_stats_history",
    "Market",
    "Prices and scores of the market in groups, by day, week or month, oldest first",
    (
        list_answer(
            rows("StatsBucket", ("bucket", *choices(Grouping), *BUCKETED.columns), chosen=True),
            "The groups of each bucket that has observations",
            "Link",
            "X-Hint",
        ),
    ),
    "In each bucket a listing counts once, as it was last seen in it. `after`, `before` and "
    "`import_id` select the events; the other filters are applied to each listing as it was last "
    "seen in the bucket.",
    query=StatsHistoryQuery,
    problems=DATABASE_PROBLEMS,
)

INDEX = About(
    "list_price_index",
    "Market",
    "A price index at constant mix, by day, week or month",
    (
        list_answer(
            rows("PriceIndex", INDEX_COLUMNS),
            "The buckets that have observations",
            "Link",
            "X-Hint",
        ),
    ),
    "It compares each listing with itself: from one bucket to the next the index changes by the "
    "median of the price relatives of the listings observed in both. It starts at 100.",
    query=IndexQuery,
    problems=DATABASE_PROBLEMS,
)


class StatsApi:
    def __init__(self, services: Services, results: WholeResults) -> None:
        self._results = results
        self._archive = services.archive
        self._remembered = services.remembered

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/api/stats", self.list, READ, about=LIST),
            Route("GET", "/api/stats/history", self.history, READ, about=HISTORY),
            Route("GET", "/api/index", self.index, READ, about=INDEX),
        ]

    def list(self) -> HTTPResponse:
        """A row for each group."""
        asked = query(StatsQuery)
        with reading(self._archive, asked):
            return self._answer(asked, Stats(self._archive, asked))

    def history(self) -> HTTPResponse:
        """A row for each bucket and group."""
        asked = query(StatsHistoryQuery)
        with reading(self._archive, asked):
            return self._answer(asked, StatsHistory(self._archive, asked))

    def index(self) -> HTTPResponse:
        """A row for each bucket."""
        asked = query(IndexQuery)
        with reading(self._archive, asked):
            return self._answer(asked, PriceIndex(self._archive, asked))

    def _answer(self, asked: GroupQuery | IndexQuery, series: Series) -> HTTPResponse:
        require_limit(asked.limit, asked.cursor)
        found = RememberedSeries(series, self._remembered, asked.cursor)
        hint = partial(self._hint, asked, found)
        version = archive_version(self._archive)
        return answer_list(asked, found, version, self._results, hint=hint)

    def _hint(self, asked: GroupQuery | IndexQuery, found: RememberedSeries) -> str | None:
        if not asks_for_values(asked) or found.page(1).rows:
            return None
        return hint_for(asked, self._remembered.values)
