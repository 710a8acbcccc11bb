"""The summary of a stage's rows, counted as the rows come in, so that no sort is needed while
others wait."""

import sys
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import count
from struct import unpack
from typing import Any

from peewee import EXCLUDED, SQL, Database, Table, fn

from glyphd.contracts.texts import fold_ascii
from glyphd.db.dialects import is_sqlite
from glyphd.storage.staged_models import MOST_INSERTED, MOST_NOTED

TOP_MODELS = 5
_SIGN_BIT = 1 << 15
"""The number of values of the leading 16 bits of a float."""

COUNTED = {"model": "models", "seller": "sellers"}
MEASURED = {"price_usd": "price", "score": "score"}
"""Columns, and their names in the summary."""

Rows = Mapping[str, Sequence[Any]]
"""By column, as a stage takes them."""


class SummaryNotes:
    """Counts the rows of a stage as they come in, in file order. Its tables must exist."""

    def __init__(self, database: Database) -> None:
        self._names = {column: _Names(database, column) for column in COUNTED}
        self._numbers = {column: _Numbers() for column in MEASURED}

    def add(self, columns: Rows) -> None:
        for column, names in self._names.items():
            if column in columns:
                names.add(columns[column])
        for column, numbers in self._numbers.items():
            numbers.add(columns[column])

    def summary(self, database: Database, staged: Table) -> dict[str, Any]:
        """The `summary` of all rows, of which there is one at least; `staged` is the table that
        they are in."""
        found: dict[str, Any] = {}
        for column, name in MEASURED.items():
            numbers = self._numbers[column]
            found[f"lowest_{name}"] = numbers.lowest
            found[f"median_{name}"] = numbers.median(database, staged, getattr(staged.c, column))
            found[f"highest_{name}"] = numbers.highest
        for column, name in COUNTED.items():
            found[name] = self._names[column].distinct()
        return found | {"top_models": self._names["model"].top(TOP_MODELS)}


def create_tables(database: Database) -> None:
    """Makes the tables that the notes go into, empty, on the current connection."""
    text, integer = ("TEXT", "INTEGER") if is_sqlite(database) else ('TEXT COLLATE "C"', "BIGINT")
    for column in COUNTED:
        database.execute_sql(
            f"CREATE TEMPORARY TABLE {_table(column)}"
            f" (folded {text} PRIMARY KEY, name {text}, count {integer}, place {integer})"
        )


def drop_tables(database: Database) -> None:
    for column in COUNTED:
        database.execute_sql(f"DROP TABLE IF EXISTS {_table(column)}")


def _table(column: str) -> str:
    return f"staged_{COUNTED[column]}_counted"


class _Names:
    """How often each name of a column is given, whatever its case, and how it is spelled where it
    is first."""

    def __init__(self, database: Database, column: str) -> None:
        self._database = database
        self._counts: Counter[str | None] = Counter()
        self._places = count()
        self._table = Table(_table(column))

    def add(self, names: Sequence[str | None]) -> None:
        self._counts.update(names)
        if len(self._counts) > MOST_NOTED:
            self._write()

    def distinct(self) -> int:
        self._write()
        return int(self._database.execute(self._table.select(fn.COUNT(SQL("*")))).fetchone()[0])

    def top(self, most: int) -> list[dict[str, Any]]:
        """The most frequent ones; for equal counts the first in the file."""
        self._write()
        name, number, place = (
            getattr(self._table.c, column) for column in ("name", "count", "place")
        )
        ranked = self._table.select(name, number).order_by(number.desc(), place).limit(most)
        return [
            {"model": spelled, "count": times}
            for spelled, times in self._database.execute(ranked).fetchall()
        ]

    def _write(self) -> None:
        """Writes what was collected since the last call into the table."""
        del self._counts[None]
        noted: dict[str, list[Any]] = {}
        for name, times in self._counts.items():
            assert name is not None
            noted.setdefault(fold_ascii(name), [name, 0, next(self._places)])[1] += times
        rows = [(folded, *values) for folded, values in noted.items()]
        for first in range(0, len(rows), MOST_INSERTED):
            self._database.execute(self._counted(rows[first : first + MOST_INSERTED]))
        self._counts.clear()

    def _counted(self, rows: list[tuple[Any, ...]]) -> Any:
        table = self._table.c
        insert = self._table.insert(
            rows, columns=[table.folded, table.name, table.count, table.place]
        )
        return insert.on_conflict(
            conflict_target=[table.folded], update={table.count: table.count + EXCLUDED.count}
        )


class _Numbers:
    """The range of a column, and how many of its values begin with the same 16 of their 64 bits.

    These are the sign, the exponent and four bits more: values that share them lie next to each
    other, so that only few have to be sorted to find the middle one, and there are never more than
    65 536 counts.
    """

    _LEADING = 3 if sys.byteorder == "little" else 0

    def __init__(self) -> None:
        self.lowest = float("inf")
        self.highest = float("-inf")
        self._counts: Counter[int] = Counter()

    def add(self, values: Sequence[float]) -> None:
        self.lowest = min(self.lowest, *values)
        self.highest = max(self.highest, *values)
        quarters = memoryview(array("d", values)).cast("B").cast("H")
        self._counts.update(quarters[self._LEADING :: 4].tolist())

    def median(self, database: Database, staged: Table, column: Any) -> float:
        """The middle value; of an even number of rows the mean of the two in the middle."""
        rows = self._counts.total()
        below, lowest, highest = self._around((rows - 1) // 2, rows // 2)
        near = staged.select(column).where(column.between(lowest, highest)).order_by(column)
        middle = near.limit(2 - rows % 2).offset((rows - 1) // 2 - below)
        values = [value for (value,) in database.execute(middle)]
        return float(sum(value / len(values) for value in values))

    def _around(self, first: int, last: int) -> tuple[int, float, float]:
        """The smallest and the largest float that the values of these two ranks can be, and how
        many values are below."""
        below, passed = 0, 0
        lowest = None
        for leading in sorted(self._counts, key=_order):
            bounds = _bounds(leading)
            passed += self._counts[leading]
            if lowest is None and passed > first:
                lowest, below = bounds[0], passed - self._counts[leading]
            if lowest is not None and passed > last:
                return below, lowest, bounds[1]
        raise ValueError("a median of no rows")


def _order(leading: int) -> int:
    """Greater for greater values; for negative floats the bits are greater the lower they are."""
    return -leading if leading >= _SIGN_BIT else leading


def _bounds(leading: int) -> tuple[float, float]:
    """The smallest and the largest float that begins with these bits."""
    ends = [unpack(">d", leading.to_bytes(2) + rest * 6)[0] for rest in (b"\x00", b"\xff")]
    return min(ends), max(ends)
