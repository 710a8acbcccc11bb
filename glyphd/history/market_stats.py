"""Statistics of the market by groups of listings."""

from collections.abc import Hashable, Sequence
from typing import Any

from peewee import Database, Select

from glyphd.contracts.market_queries import StatsQuery
from glyphd.contracts.queries import FilterQuery, ListingQuery, PageQuery
from glyphd.db.archive_models import ImportBatch, ScoredListing
from glyphd.history.groupings import GroupKeys
from glyphd.history.kept_answers import kept_name
from glyphd.history.series import Key, Series, SeriesRow
from glyphd.history.summaries import Summary
from glyphd.listings.quantiles import QUANTILES
from glyphd.listings.search import Search

_STATISTICS = ("min", *QUANTILES, "max", "avg")
STATISTICS = (
    "listing_count",
    *(f"{name}_price" for name in _STATISTICS),
    *(f"{name}_score" for name in _STATISTICS),
    "median_score_per_1000_usd",
    "seller_count",
    "last_seen_at",
)
STATS = Summary(*STATISTICS)
KEPT_GROUPINGS = (("model",), ("model", "region"))
"""The groups whose statistics are kept in the archive, of the whole market."""


def stats_by(columns: Sequence[str]) -> str:
    """The name of the kept answer with the statistics in these groups."""
    return kept_name(f"stats by {','.join(columns)}", STATISTICS)


_FILTERS = {"gone", "seen_within", *FilterQuery.model_fields} - set(PageQuery.model_fields)


class Stats(Series):
    """A row for each group of the matching listings; none if there are none."""

    def __init__(self, database: Database, asked: StatsQuery) -> None:
        super().__init__(database)
        self._groups = GroupKeys(database, asked.by)
        self._search = Search(database, listings_asked(asked))
        self._name = ("stats", *asked.by, asked.model_dump_json(include=_FILTERS))
        self.columns = (*asked.by, *STATS.columns)
        is_whole = not asked.model_dump(include=_FILTERS, exclude_defaults=True)
        by = self._groups.by
        self.kept_as = stats_by(by) if is_whole and by in KEPT_GROUPINGS else None
        self.key_kinds = self._groups.kinds

    @property
    def name(self) -> Hashable:
        return self._name

    def key_of(self, row: SeriesRow) -> Key:
        return self._groups.key_of(row[: len(self._groups.by)])

    def _select(self, after: Key | None, limit: int | None) -> Select:
        groups = self._groups
        values = [*groups.columns(), *STATS.observed(self.database, ScoredListing)]
        rows = self._search.matching(*values)
        if groups.needs_batch:
            rows = rows.join(ImportBatch, on=(ImportBatch.import_id == ScoredListing.import_id))
        if after is not None:
            rows = rows.where(groups.follow(after))
        found: Select = STATS.select(rows, groups.keys, groups.shown).limit(limit)
        return found

    def _row(self, values: Sequence[Any]) -> SeriesRow:
        width = self._groups.width
        return [*self._groups.values(values[:width]), *STATS.row(values[width:])]


def listings_asked(asked: StatsQuery) -> ListingQuery:
    """The listings that the statistics cover."""
    return ListingQuery.model_construct(**asked.model_dump(include=_FILTERS))
