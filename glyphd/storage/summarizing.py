"""The summary of a stage's rows, counted as the rows come in, so that no sort is needed while
others wait."""

import sys
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import count
from struct import unpack
from typing import Any

from peewee import EXCLUDED, SQL, Database, Node, Table, fn

from glyphd.contracts.texts import fold_ascii
from glyphd.db.compiled import Parameter, compiled, given
from glyphd.storage.staged_models import MOST_NOTED

TOP_MODELS = 5
_SIGN_BIT = 1 << 15
"""The number of values of the leading 16 bits of a float."""

COUNTED = {"model": "models", "seller": "sellers"}
TABLES = {
    f"staged_{name}_counted": "folded {text} PRIMARY KEY, name {text}, count {integer}, "
    "place {integer}"
    for name in COUNTED.values()
}
_COLUMNS = ("folded", "name", "count", "place")
MEASURED = {"price_usd": "price", "score": "score"}
"""The columns, and their names in the summary."""

Rows = Mapping[str, Sequence[Any]]
"""The values of rows by column, as a stage takes them."""


class SummaryNotes:
    """Counts the rows of a stage as they come in, in file order. Its TABLES must exist."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._names = {
            column: _Names(database, table) for column, table in zip(COUNTED, TABLES, strict=True)
        }
        self._numbers = {column: _Numbers() for column in MEASURED}

    def add(self, columns: Rows) -> None:
        for column, names in self._names.items():
            if column in columns:
                names.add(columns[column])
        for column, numbers in self._numbers.items():
            numbers.add(columns[column])

    def summary(self, staged: str) -> dict[str, Any]:
        """The `summary` of all rows, of which there is at least one; `staged` is the table with
        them."""
        found: dict[str, Any] = {}
        for column, name in MEASURED.items():
            numbers = self._numbers[column]
            found[f"lowest_{name}"] = numbers.lowest
            found[f"median_{name}"] = numbers.median(self._database, staged, column)
            found[f"highest_{name}"] = numbers.highest
        for column, name in COUNTED.items():
            self._names[column].write()
            found[name] = self._names[column].distinct()
        return found | {"top_models": self._names["model"].top()}


class _Names:
    """How often each name occurs in a column, ignoring case, and its first spelling."""

    def __init__(self, database: Database, table: str) -> None:
        self._database = database
        self._counts: Counter[str | None] = Counter()
        self._places = count()
        self._table = table
        self._counting = _counting(database, table)[0]

    def add(self, names: Sequence[str | None]) -> None:
        self._counts.update(names)
        if len(self._counts) > MOST_NOTED:
            self.write()

    def write(self) -> None:
        """Writes the counts since the last call into the table, which `distinct` and `top` read."""
        del self._counts[None]
        noted: dict[str, list[Any]] = {}
        for name, times in self._counts.items():
            assert name is not None
            noted.setdefault(fold_ascii(name), [name, 0, next(self._places)])[1] += times
        rows = [(folded, *values) for folded, values in noted.items()]
        self._counting.execute_for_each(self._database, _COLUMNS, rows)
        self._counts.clear()

    def distinct(self) -> int:
        counting, _ = _reading(self._database, self._table)
        return int(counting.execute(self._database).fetchone()[0])

    def top(self) -> list[dict[str, Any]]:
        """The TOP_MODELS most frequent names; of equally frequent ones the first in the file."""
        _, ranked = _reading(self._database, self._table)
        found = ranked.execute(self._database).fetchall()
        return [{"model": spelled, "count": times} for spelled, times in found]


@compiled
def _counting(database: Database, table: str) -> list[Node]:
    names = Table(table)
    insert = names.insert({getattr(names.c, name): Parameter(name) for name in _COLUMNS})
    more = {names.c.count: names.c.count + EXCLUDED.count}
    return [insert.on_conflict(conflict_target=[names.c.folded], update=more)]


@compiled
def _reading(database: Database, table: str) -> list[Node]:
    """The number of names, and the most frequent ones."""
    names = Table(table)
    ranked = names.select(names.c.name, names.c.count)
    ranked = ranked.order_by(names.c.count.desc(), names.c.place).limit(TOP_MODELS)
    return [names.select(fn.COUNT(SQL("*"))), ranked]


class _Numbers:
    """The range of a column, and how many of its values begin with the same 16 of their 64 bits.

    These are the sign, the exponent and four more bits. Values that share them are adjacent in
    order, so only few must be sorted to find the middle one, and there are never more than 65 536
    counts.
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

    def median(self, database: Database, staged: str, column: str) -> float:
        """The middle value; of an even number of rows the mean of the two in the middle."""
        rows = self._counts.total()
        first, last = (rows - 1) // 2, rows // 2
        # 1. The leading bits of the two middle ranks. The bits of negative floats increase as the
        # values decrease.
        below = passed = 0
        near: list[int] = []
        for bits in sorted(self._counts, key=lambda bits: bits if bits < _SIGN_BIT else -bits):
            passed += self._counts[bits]
            if passed <= first:
                below = passed
                continue
            near.append(bits)
            if passed > last:
                break
        # 2. The least and the greatest float that begin with these bits.
        ends = [
            unpack(">d", bits.to_bytes(2) + rest * 6)[0]
            for bits in near
            for rest in (b"\x00", b"\xff")
        ]
        # 3. The values between them, from which the middle ones are picked.
        (middle,) = _middle(database, staged, column)
        picked = {"least": min(ends), "greatest": max(ends)}
        picked |= {"count": 2 - rows % 2, "before": first - below}
        found = [value for (value,) in middle.execute(database, **picked)]
        return float(sum(value / len(found) for value in found))


@compiled
def _middle(database: Database, table: str, column: str) -> list[Node]:
    staged = Table(table)
    measured = getattr(staged.c, column)
    values = staged.select(measured).where(measured.between(given("least"), given("greatest")))
    return [values.order_by(measured).limit(given("count")).offset(given("before"))]
