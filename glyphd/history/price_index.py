"""A price index at constant mix: how prices moved, regardless of which listings are on offer.

docs/PRICE_INDEX.md has the method and an example by hand.
"""

from collections.abc import Hashable, Iterator, Sequence
from sys import float_info
from typing import Any

from peewee import SQL, Case, Database, Select, fn

from glyphd.contracts.market_queries import IndexQuery
from glyphd.db.archive_models import ImportBatch, ScoredListing
from glyphd.db.dialects import bucket_start
from glyphd.history.series import Key, Series, SeriesRow
from glyphd.listings.quantiles import interpolated, rank_before
from glyphd.listings.ratios import LEAST, MOST
from glyphd.listings.search import known_at
from glyphd.storage.offers import is_observation, thread_of
from glyphd.storage.predicates import restrict

INDEX_COLUMNS = ("bucket", "price_index", "matched_count", "median_relative")
START = 100.0
INDEX_DECIMALS = 6
_MEDIAN = "median"
_FILTERS = {"model", "after", "before"}


class PriceIndex(Series):
    """The index in each bucket with observations, oldest first; 100 in the first one."""

    columns = INDEX_COLUMNS

    def __init__(self, database: Database, asked: IndexQuery) -> None:
        super().__init__(database)
        self._asked = asked
        self._known = known_at(database, asked.as_of)

    @property
    def name(self) -> Hashable:
        filters = self._asked.model_dump_json(include={*_FILTERS, "as_of", "bucket"})
        return ("price index", filters)

    def read(self, after: Key | None = None, limit: int | None = None) -> Iterator[SeriesRow]:
        """The rows after the key `after`. Each is computed from its predecessors, so all are read:
        there is only one for each bucket."""
        index = START
        left = limit
        for bucket, *fields in super().read():
            relative = _relative(fields)
            index = min(index * (1.0 if relative is None else relative), float_info.max)
            if after is not None and bucket <= after[0]:
                continue
            if left == 0:
                return
            left = None if left is None else left - 1
            yield [bucket, round(index, INDEX_DECIMALS), fields[0], relative]

    def _select(self, after: Key | None, limit: int | None) -> Select:
        """For each bucket the number of matched listings, and their two middle price relatives."""
        ranked = self._relatives().alias("ranked_relative")
        middle = rank_before(_MEDIAN, ranked.c.size)
        ranks = (middle, middle + 1)
        found = ranked.select_from(
            ranked.c.bucket,
            fn.MAX(ranked.c.size),
            *(fn.MAX(Case(None, [(ranked.c.rank == rank, ranked.c.relative)])) for rank in ranks),
        )
        ordered: Select = found.group_by(ranked.c.bucket).order_by(ranked.c.bucket)
        return ordered

    def _relatives(self) -> Any:
        """For each listing in a bucket its price relative (null if it is not matched), its rank in
        the bucket, and the number of matched listings there."""
        follows = self._following().alias("following")
        now, before = follows.c.price, follows.c.earlier_price
        is_matched = (
            (follows.c.earlier_number == follows.c.number - 1)
            & now.between(LEAST, MOST)
            & before.between(LEAST, MOST)
        )
        relative = Case(None, [(is_matched, now / before)], None).alias("relative")
        found = follows.select_from(follows.c.bucket, relative).alias("found")
        relative = found.c.relative
        order = [Case(None, [(relative.is_null(), 1)], 0), relative]
        return found.select_from(
            found.c.bucket,
            relative,
            fn.ROW_NUMBER().over(partition_by=[found.c.bucket], order_by=order).alias("rank"),
            fn.COUNT(relative).over(partition_by=[found.c.bucket]).alias("size"),
        )

    def _following(self) -> Any:
        """The price of each listing in each bucket, and its price in the bucket in which it was
        observed before. Buckets have numbers without gaps."""
        ranked = self._observed().alias("observed")
        columns = [getattr(ranked.c, name) for name in ("bucket", "listing", "thread", "price")]
        number = fn.DENSE_RANK().over(order_by=[ranked.c.bucket]).alias("number")
        latest = ranked.select_from(*columns, number).where(ranked.c.rank == 1).alias("latest")
        in_listing = {
            "partition_by": [latest.c.listing, latest.c.thread],
            "order_by": [latest.c.bucket],
        }
        return latest.select_from(
            latest.c.bucket,
            latest.c.number,
            latest.c.price,
            fn.LAG(latest.c.price).over(**in_listing).alias("earlier_price"),
            fn.LAG(latest.c.number).over(**in_listing).alias("earlier_number"),
        )

    def _observed(self) -> Any:
        """The events that count and can be matched to one offer, ranked by how late they are in
        their bucket."""
        event = ScoredListing
        bucket = bucket_start(self.database, event.seen_at, self._asked.bucket)
        thread = thread_of(event, ImportBatch.source)
        rank = fn.ROW_NUMBER().over(
            partition_by=[bucket, event.first_event_id, thread],
            order_by=[event.seen_at.desc(), event.id.desc()],
        )
        query = event.select(
            bucket.alias("bucket"),
            event.first_event_id.alias("listing"),
            thread.alias("thread"),
            event.price_usd.alias("price"),
            rank.alias("rank"),
        ).join(ImportBatch, on=(ImportBatch.import_id == event.import_id))
        is_distinct = event.is_indistinct == SQL("0")
        query = query.where(is_distinct, is_observation(), *self._known.counting(event))
        return restrict(query, self.database, self._asked.model_dump(include=_FILTERS))

    def _row(self, values: Sequence[Any]) -> SeriesRow:
        return list(values)


def _relative(fields: Sequence[Any]) -> float | None:
    """The median relative of a bucket; None if nothing is matched."""
    size, low, high = fields
    return interpolated(_MEDIAN, size, low, high) if size else None
