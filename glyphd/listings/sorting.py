"""The orders of a result. Ties are ordered by import, the later one first, then by the file's own
order."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from peewee import Database, Ordering, fn

from glyphd.contracts.queries import ListingQuery
from glyphd.db.archive_models import ScoredListing
from glyphd.db.dialects import caseless, caseless_value, unindexed
from glyphd.listings.peers import MEDIAN_PRICE
from glyphd.listings.ratios import percent_above, score_per_1000_usd, usd_per_gb

KEYS: dict[str, type] = {
    "seen_at": str,
    "price_usd": float,
    "score": float,
    "model": str,
    "import_index": int,
    "score_per_1000_usd": float,
    "usd_per_gb": float,
    "price_vs_median_pct": float,
}
"""Sort keys and the kind of their values."""

_COMPUTED: Mapping[str, Callable[[], Any]] = {
    "score_per_1000_usd": lambda: score_per_1000_usd(ScoredListing),
    "usd_per_gb": lambda: usd_per_gb(ScoredListing),
    "price_vs_median_pct": lambda: percent_above(ScoredListing.price_usd, MEDIAN_PRICE),
}
_BEYOND = sys.float_info.max
"""Stands for null, which is last in either direction: no computed number is as large."""


@dataclass(frozen=True)
class Order:
    """One key and a direction. Ties are ordered by descending `id`: later import first, then by
    `import_index`.

    `backwards` is the same order read from its end, with all ties reversed.
    """

    key: str
    descending: bool
    backwards: bool = False

    @property
    def needs_medians(self) -> bool:
        """Whether the query must have MEDIAN_PRICE."""
        return self.key == "price_vs_median_pct"

    def column(self, database: Database) -> Any:
        if self.key in _COMPUTED:
            return fn.COALESCE(_COMPUTED[self.key](), -_BEYOND if self.descending else _BEYOND)
        column = ScoredListing._meta.columns[self.key]
        return caseless(database, column) if self.key == "model" else column

    def clauses(self, database: Database) -> list[Ordering]:
        column = self.column(database)
        event_id = ScoredListing.id.asc() if self.backwards else ScoredListing.id.desc()
        return [column.desc() if self._falls else column.asc(), event_id]

    def sorted(self, database: Database) -> list[Ordering]:
        """The same order for a whole result: sorting rows in stored order is faster than looking up
        each by an index."""
        column = unindexed(database, self.column(database))
        return [column.desc() if self.descending else column.asc(), ScoredListing.id.desc()]

    def ties(self, database: Database, value: Any, event_id: int) -> Any:
        """The events after a position with the same key."""
        is_behind = ScoredListing.id > event_id if self.backwards else ScoredListing.id < event_id
        return (self.column(database) == self._value(database, value)) & is_behind

    def rest(self, database: Database, value: Any) -> Any:
        """The events after a position with another key."""
        column, value = self.column(database), self._value(database, value)
        return column < value if self._falls else column > value

    @property
    def _falls(self) -> bool:
        return self.descending != self.backwards

    def _value(self, database: Database, value: Any) -> Any:
        return caseless_value(database, value) if self.key == "model" else value


def order_of(query: ListingQuery) -> Order:
    """The requested order; by default the latest first, and one import's rows in file order."""
    asked = query.sort or ("import_index" if len(query.import_id) == 1 else "-seen_at")
    return Order(asked.removeprefix("-"), asked.startswith("-"))
