"""Compares two sets of an import's rows in SQL by their `import_index`, so that memory stays
constant."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from peewee import JOIN, OP, Database, Expression, NodeList, Select

from glyphd.db.dialects import exactly

MOST = 100
"""The most differences shown for one import."""

SHOWN_CHARACTERS = 200
_LEAD = 20


@dataclass(frozen=True)
class Side:
    """A set of rows: its name, and a query for their `import_index` and the compared columns."""

    name: str
    query: Select


def differences(
    database: Database, left: Side, right: Side, columns: Sequence[str]
) -> Iterator[str]:
    """A line for each row that only one side has, and for each column in which a row differs.

    One more than MOST of each kind is enough to know that there are more.
    """
    yield from _said_otherwise(database, left, right, columns)
    yield from _alone(database, left, right, columns)
    yield from _alone(database, right, left, columns)


def place_of(row: int, line: int | None) -> str:
    """The name of a row: its number in the file, and its physical line."""
    return f"row {row}" if line is None else f"row {row} (line {line})"


def _said_otherwise(
    database: Database, left: Side, right: Side, columns: Sequence[str]
) -> Iterator[str]:
    one, other = left.query.alias("one"), right.query.alias("other")
    pairs = [(getattr(one.c, name), getattr(other.c, name)) for name in columns]
    unequal = [differ(exactly(database, left), right) for left, right in pairs]
    query = (
        one.select_from(one.c.import_index, *(node for pair in pairs for node in pair))
        .join(other, on=(one.c.import_index == other.c.import_index))
        .where(NodeList(unequal, glue=" OR ", parens=True))
        .order_by(one.c.import_index)
        .limit(MOST + 1)
    )
    for row, *values in database.execute(query).fetchall():
        said = dict(zip(columns, zip(values[::2], values[1::2], strict=True), strict=True))
        place = place_of(row, said.get("line", (None, None))[0])
        for name, (first, second) in said.items():
            if first != second:
                this, that = _shown(first, second)
                yield f"{place}, {name}: {left.name} says {this}, {right.name} says {that}"


def differ(left: Any, right: Any) -> Any:
    """Whether two values differ, where null differs from every other value: true, or else false or
    null."""
    nulls = (Expression(value, OP.IS, None) for value in (left, right))
    return Expression(left, OP.NE, right) | Expression(next(nulls), OP.NE, next(nulls))


def _alone(database: Database, side: Side, other: Side, columns: Sequence[str]) -> Iterator[str]:
    """Rows that `side` has and `other` lacks."""
    rows, others = side.query.alias("rows"), other.query.alias("others")
    line = rows.c.line if "line" in columns else None
    query = (
        rows.select_from(rows.c.import_index, line)
        .join(others, JOIN.LEFT_OUTER, on=(rows.c.import_index == others.c.import_index))
        .where(others.c.import_index.is_null())
        .order_by(rows.c.import_index)
        .limit(MOST + 1)
    )
    for row, at_line in database.execute(query).fetchall():
        yield f"{place_of(row, at_line)}: only {side.name} has it"


def _shown(first: Any, second: Any) -> tuple[str, str]:
    """The values in readable form; for long ones, the part where they begin to differ."""
    texts = [
        json.dumps(value.hex() if isinstance(value, bytes) else value, ensure_ascii=False)
        for value in (first, second)
    ]
    if max(map(len, texts)) <= SHOWN_CHARACTERS:
        return texts[0], texts[1]
    pairs = enumerate(zip(*texts, strict=False))
    start = max(
        next((at for at, (one, other) in pairs if one != other), min(map(len, texts))) - _LEAD, 0
    )
    cut = [f"{'…' if start else ''}{text[start : start + SHOWN_CHARACTERS]}" for text in texts]
    return cut[0], cut[1]
