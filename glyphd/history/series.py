"""Tables computed from the archive and ordered by a key: read as a whole or after a key."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

from peewee import Database, Select

from glyphd.db.dialects import stream, uncommitted

SeriesRow = list[Any]
Key = list[Any]
"""The values of a row that give its position, as in a cursor."""


class Series(ABC):
    """One such table; by default its key is the first column, a text. The caller holds the
    connection."""

    columns: tuple[str, ...]
    key_kinds: tuple[type, ...] = (str,)
    kept_as: str | None = None
    """Its name among the answers that the archive keeps, if it is one of them."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @property
    @abstractmethod
    def name(self) -> Hashable:
        """A key that is equal for equal tables of one archive."""

    def read(self, after: Key | None = None, limit: int | None = None) -> Iterator[SeriesRow]:
        """Streams the rows after the key `after`, with constant memory."""
        with uncommitted(self.database):
            for values in stream(self.database, self._select(after, limit)):
                yield self._row(values)

    def key_of(self, row: SeriesRow) -> Key:
        """The position of a row."""
        return row[:1]

    def folded(self, key: Key) -> Key:
        """The key in the form by which the rows are sorted."""
        return key

    @abstractmethod
    def _select(self, after: Key | None, limit: int | None) -> Select:
        """The rows in order."""

    @abstractmethod
    def _row(self, values: Sequence[Any]) -> SeriesRow:
        """A selected row as returned to clients."""
