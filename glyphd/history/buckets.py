"""One model's prices and scores over time, by day, week or month."""

from collections.abc import Hashable, Sequence
from typing import Any

from peewee import Database, Select, fn

from glyphd.contracts.queries import ModelHistoryQuery
from glyphd.contracts.texts import fold_ascii
from glyphd.db.archive_models import ScoredListing
from glyphd.db.dialects import bucket_start, equals_caseless
from glyphd.history.lowest_prices import LOWEST_COLUMNS, lowest_in
from glyphd.history.market_models import SUMMARY
from glyphd.history.series import Key, Series, SeriesRow
from glyphd.history.summaries import Summary
from glyphd.listings.search import known_at
from glyphd.storage.timelines import MODEL_TIMELINE

_EVENT = ScoredListing.alias("event")
_OBSERVED = ("price_usd", "score", "seen_at")
BUCKETED = Summary(*SUMMARY.columns, shared=LOWEST_COLUMNS)


class ModelHistory(Series):
    """The buckets in which a model was seen, oldest first. Each listing counts once in each, as it
    was last seen."""

    columns = ("bucket", *BUCKETED.columns)

    def __init__(self, database: Database, model: str, query: ModelHistoryQuery) -> None:
        super().__init__(database)
        self._model = model
        self._query = query
        self._known = known_at(database, query.as_of)

    @property
    def name(self) -> Hashable:
        asked = self._query
        return (fold_ascii(self._model), asked.bucket, asked.after, asked.before, asked.as_of)

    def _select(self, after: Key | None, limit: int | None) -> Select:
        summary = BUCKETED.select(self._latest_in_bucket(after), ["key"])
        limited: Select = summary.limit(limit)
        return limited

    def _latest_in_bucket(self, after: Key | None) -> Select:
        ranked = self._ranked().alias("ranked_observation")
        values = [*BUCKETED.observed(self.database, ranked.c), *_shared(ranked.c)]
        latest = ranked.select_from(ranked.c.key, *values).where(ranked.c.rank == 1)
        return latest if after is None else latest.where(ranked.c.key > after[0])

    def _ranked(self) -> Select:
        bucket = bucket_start(self.database, _EVENT.seen_at, self._query.bucket)
        rank = fn.ROW_NUMBER().over(
            partition_by=[bucket, _EVENT.first_event_id],
            order_by=[_EVENT.seen_at.desc(), _EVENT.id.desc()],
        )
        values = [*(getattr(_EVENT, name) for name in _OBSERVED), *lowest_in(_EVENT, bucket)]
        return self._counting(_EVENT.select(bucket.alias("key"), *values, rank.alias("rank")))

    def _counting(self, query: Select) -> Select:
        """The events that count, of the listings that currently have this model: two indexes find
        them."""
        is_it = equals_caseless(self.database, ScoredListing.model, self._model)
        of_model = ScoredListing.select(ScoredListing.first_event_id).from_(MODEL_TIMELINE)
        of_model = of_model.where(self._known.is_current("include"), is_it)
        query = query.where(_EVENT.first_event_id.in_(of_model))
        query = query.where(*self._known.counting(_EVENT))
        if self._query.after is not None:
            query = query.where(_EVENT.seen_at > self._query.after)
        if self._query.before is not None:
            query = query.where(_EVENT.seen_at < self._query.before)
        return query

    def _row(self, values: Sequence[Any]) -> SeriesRow:
        return [values[0], *BUCKETED.row(values[1:])]


def _shared(event: Any) -> list[Any]:
    return [getattr(event, name) for name in LOWEST_COLUMNS]
