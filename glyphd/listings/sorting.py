"""The orders of a result. Ties are ordered by import, the later one first, then by the file's own
order."""

from dataclasses import dataclass
from typing import Any

from peewee import Database, Ordering

from glyphd.contracts.queries import ListingQuery
from glyphd.db.archive_models import ScoredListing
from glyphd.db.dialects import caseless, caseless_value, unindexed

KEYS: dict[str, type] = {
    "seen_at": str,
    "price_usd": float,
    "score": float,
    "model": str,
    "import_index": int,
}
"""Sort keys and the kind of their values."""


@dataclass(frozen=True)
class Order:
    """One key and a direction. Ties are ordered by descending `id`: later import first, then by
    `import_index`.

    `backwards` is the same order read from its end, with all ties reversed.
    """

    key: str
    descending: bool
    backwards: bool = False

    def column(self, database: Database) -> Any:
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
