"""Tables computed from the archive whose first column is a key, in its order: read whole, by pages, or remembered."""

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from peewee import Database, Select

from glyphd.db.dialects import stream, uncommitted
from glyphd.history.remembering import Remembered

SeriesRow = list[Any]


class Series(ABC):
    """One such table. The caller holds the connection."""

    columns: ClassVar[tuple[str, ...]]

    def __init__(self, database: Database) -> None:
        self.database = database

    @property
    @abstractmethod
    def name(self) -> Hashable:
        """Equal for equal tables of one archive."""

    def read(self, after: str | None = None, limit: int | None = None) -> Iterator[SeriesRow]:
        """The rows behind the key `after`, one by one at flat memory."""
        with uncommitted(self.database):
            for values in stream(self.database, self._select(after, limit)):
                yield self._row(values)

    def folded(self, key: str) -> str:
        """The form of a key whose order is that of the rows."""
        return key

    @abstractmethod
    def _select(self, after: str | None, limit: int | None) -> Select:
        """The rows in order."""

    @abstractmethod
    def _row(self, values: Sequence[Any]) -> SeriesRow:
        """A selected row as clients get it."""


@dataclass
class SeriesMemory:
    """Remembers small tables, so that those who walk one in pages do not have it computed for each."""

    most_series: int
    most_rows: int
    _remembered: Remembered[list[SeriesRow] | None] = field(init=False)

    def __post_init__(self) -> None:
        self._remembered = Remembered(self.most_series)

    def rows(
        self, series: Series, version: str, *, after: str | None = None, limit: int | None = None
    ) -> Iterable[SeriesRow]:
        """The rows as `series.read` gives them; `version` names the state that the archive is in."""
        kept = self._remembered.get(series.name, version, lambda: self._small(series))
        if kept is None:
            return series.read(after, limit)
        start = 0 if after is None else bisect_right(kept, series.folded(after), key=lambda row: series.folded(row[0]))
        return kept[start : None if limit is None else start + limit]

    def _small(self, series: Series) -> list[SeriesRow] | None:
        """All rows, or None when there are too many to keep."""
        found = list(series.read(limit=self.most_rows + 1))
        return found if len(found) <= self.most_rows else None
