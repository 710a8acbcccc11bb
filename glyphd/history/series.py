"""Tables computed from the archive and ordered by their first column, the key: read whole or from a
key on."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Sequence
from typing import Any, ClassVar

from peewee import Database, Select

from glyphd.db.dialects import stream, uncommitted

SeriesRow = list[Any]


class Series(ABC):
    """One such table. The caller holds the connection."""

    columns: ClassVar[tuple[str, ...]]

    def __init__(self, database: Database) -> None:
        self.database = database

    @property
    @abstractmethod
    def name(self) -> Hashable:
        """A key that is equal for equal tables of one archive."""

    def read(self, after: str | None = None, limit: int | None = None) -> Iterator[SeriesRow]:
        """Streams the rows after the key `after`, with constant memory."""
        with uncommitted(self.database):
            for values in stream(self.database, self._select(after, limit)):
                yield self._row(values)

    def folded(self, key: str) -> str:
        """The form of a key by which the rows are ordered."""
        return key

    @abstractmethod
    def _select(self, after: str | None, limit: int | None) -> Select:
        """The rows in order."""

    @abstractmethod
    def _row(self, values: Sequence[Any]) -> SeriesRow:
        """A selected row as returned to clients."""
