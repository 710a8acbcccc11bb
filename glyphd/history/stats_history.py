"""Statistics of the market by groups over time, by day, week or month."""

from collections.abc import Hashable, Sequence, Set
from typing import Any

from peewee import SQL, Case, Database, Select, fn

from glyphd.contracts.market_queries import StatsHistoryQuery
from glyphd.db.archive_models import ImportBatch, ScoredListing
from glyphd.db.dialects import bucket_start
from glyphd.history.departures import departures
from glyphd.history.groupings import GroupKeys
from glyphd.history.market_stats import STATISTICS
from glyphd.history.series import Key, Series, SeriesRow
from glyphd.history.summaries import Summary
from glyphd.listings.search import known_at
from glyphd.storage.offers import all_of, is_observation
from glyphd.storage.predicates import PREDICATES, restrict

FLAGS = ("new", "gone", "back")
BUCKETED = Summary(*STATISTICS, flags=FLAGS)
_OF_EVENTS = {"after", "before", "import_id"}
"""The filters that select events; the others apply to each listing as it was last seen."""

_OF_LISTINGS = {"model", "region", "condition", "seller", "source_type", "model_contains"}
"""Filters with the same result for all events of a listing, so that it does not matter when they
are applied."""


class StatsHistory(Series):
    """A row for each bucket and group, the buckets in order. Each listing counts once in each
    bucket, as it was last seen there."""

    summary: Summary = BUCKETED

    def __init__(self, database: Database, asked: StatsHistoryQuery) -> None:
        super().__init__(database)
        self._groups = GroupKeys(database, asked.by)
        self._known = known_at(database, asked.as_of)
        self._asked = asked
        self.columns = ("bucket", *asked.by, *self.summary.columns)
        self.key_kinds = (str, *self._groups.kinds)

    @property
    def name(self) -> Hashable:
        asked = self._asked
        filters = asked.model_dump_json(include={*PREDICATES, "as_of"})
        return ("stats history", asked.bucket, *asked.by, filters)

    def key_of(self, row: SeriesRow) -> Key:
        return [row[0], *self._groups.key_of(row[1 : 1 + len(self._groups.by)])]

    def _select(self, after: Key | None, limit: int | None) -> Select:
        groups = self._groups
        observations = self._observations(after)
        found = self.summary.select(observations, ["bucket", *groups.keys], groups.shown)
        limited: Select = found.limit(limit)
        return limited

    def _observations(self, after: Key | None) -> Any:
        """The last event of each listing in each bucket; and, without numbers, the listings that
        were gone or back in a bucket."""
        latest = self._latest().alias("latest")
        first_seen = bucket_start(self.database, self._known.first_seen_at(), self._asked.bucket)
        is_new = Case(None, [(first_seen == latest.c.bucket, 1)], 0)
        numbers = self.summary.observed(self.database, ScoredListing)
        rows = self._rows(latest, [*numbers, *self._flagged(new=is_new)], after)
        if self._asked.import_id or not self.summary.flags:
            return rows
        for flag, moved in self._moves().items():
            columns = [*self.summary.nothing(), *self._flagged(**{flag: SQL("1")})]
            rows = rows.union_all(self._rows(moved, columns, after))
        return rows

    def _rows(self, events: Any, columns: list[Any], after: Key | None) -> Any:
        """The columns of the events with this `event_id` and `bucket` that match, by group."""
        groups = self._groups
        rows: Any = ScoredListing.select(events.c.bucket, *groups.columns(), *columns)
        rows = rows.join(events, on=(events.c.event_id == ScoredListing.id))
        if groups.needs_batch:
            batch = ImportBatch.import_id == ScoredListing.import_id
            rows = rows.join_from(ScoredListing, ImportBatch, on=batch)
        if after is not None:
            rows = rows.where(groups.follow(after, events.c.bucket))
        return restrict(rows, self.database, self._filters(set(PREDICATES) - _OF_EVENTS))

    def _moves(self) -> dict[str, Any]:
        """The events after which a listing was gone, and those that brought one back, each with the
        bucket of that moment."""
        left, again = departures(self._known).alias("left"), ScoredListing.alias("again")
        gone = left.select_from(left.c.event_id, left.c.gone_at.alias("moment"))
        back = left.select_from(again.id.alias("event_id"), again.seen_at.alias("moment"))
        back = back.join(again, on=(again.id == left.c.next_id))
        return {"gone": self._in_buckets(gone, "gone"), "back": self._in_buckets(back, "back")}

    def _in_buckets(self, moved: Any, name: str) -> Any:
        found = moved.alias(f"{name}_at_moment")
        moment, asked = found.c.moment, self._asked
        bucket = bucket_start(self.database, moment, asked.bucket).alias("bucket")
        query = found.select_from(found.c.event_id, bucket)
        if asked.after is not None:
            query = query.where(moment > asked.after)
        if asked.before is not None:
            query = query.where(moment < asked.before)
        return query.alias(f"{name}_in_bucket")

    def _latest(self) -> Any:
        """The last event of each listing in each bucket."""
        bucket = bucket_start(self.database, ScoredListing.seen_at, self._asked.bucket)
        rank = fn.ROW_NUMBER().over(
            partition_by=[bucket, ScoredListing.first_event_id],
            order_by=[ScoredListing.seen_at.desc(), ScoredListing.id.desc()],
        )
        events: Select = ScoredListing.select(
            ScoredListing.id.alias("event_id"), bucket.alias("bucket"), rank.alias("rank")
        )
        if not self._asked.import_id:
            counts = all_of(is_observation(), *self._known.counting(ScoredListing))
            events = events.where(counts)
        elif (is_held := self._known.is_held()) is not None:
            events = events.where(is_held)
        events = restrict(events, self.database, self._filters(_OF_EVENTS | _OF_LISTINGS))
        ranked = events.alias("ranked_event")
        return ranked.select_from(ranked.c.event_id, ranked.c.bucket).where(ranked.c.rank == 1)

    def _filters(self, names: Set[str]) -> dict[str, Any]:
        return self._asked.model_dump(include=set(names))

    def _row(self, values: Sequence[Any]) -> SeriesRow:
        width = 1 + self._groups.width
        of_group = self._groups.values(values[1:width])
        return [values[0], *of_group, *self.summary.row(values[width:])]

    def _flagged(self, **given: Any) -> list[Any]:
        """The flags as columns; those that are not given are 0."""
        return [given.get(name, SQL("0")).alias(name) for name in self.summary.flags]
