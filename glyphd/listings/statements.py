"""The SQL of queries that are asked over and over, made by Peewee once for each shape that a query
may have."""

from collections.abc import Callable, Hashable, Mapping
from threading import Lock
from typing import Any

from cachetools import LRUCache, cached
from peewee import Database, Select

MOST_KEPT = 500

Values = Mapping[str, Any]
_Slot = tuple[str, int] | None
"""Whose value a parameter is: the name, and which of its values. None for a parameter that is
always the same."""


class Statements:
    """SQL by the shape of its query. Peewee takes longer to write a statement than SQLite to answer
    it."""

    def __init__(self) -> None:
        known: LRUCache[Hashable, Any] = LRUCache(MOST_KEPT)
        self._learn = cached(known, key=lambda shape, *_: shape, lock=Lock())(_learn)

    def write(
        self, database: Database, shape: Hashable, values: Values, build: Callable[[Values], Select]
    ) -> tuple[str, list[Any]]:
        """The SQL of `build(values)` with its parameters. Equal shapes have equal SQL, but for the
        number of values."""
        shape = (
            shape,
            *((name, len(_listed(value)), type(value)) for name, value in values.items()),
        )
        learned = self._learn(shape, database, values, build)
        if learned is None:
            return _written(database, build(values))
        sql, fixed, slots = learned
        given = {name: _listed(value) for name, value in values.items()}
        return sql, [
            one if slot is None else given[slot[0]][slot[1]]
            for one, slot in zip(fixed, slots, strict=True)
        ]


def _learn(
    shape: Hashable, database: Database, values: Values, build: Callable[[Values], Select]
) -> tuple[str, list[Any], list[_Slot]] | None:
    """The SQL, and which parameter is which value; found out with values that can't be mistaken for
    others.

    None where a value does not come through as it was given, so that the next one's parameter can't
    be known.
    """
    marks: dict[Any, _Slot] = {}
    marked = {name: _marked(name, value, marks) for name, value in values.items()}
    sql, parameters = _written(database, build(marked))
    slots = [marks.get(one) for one in parameters]
    if {slot for slot in slots if slot} != set(marks.values()):
        return None
    return sql, parameters, slots


def _marked(name: str, value: Any, marks: dict[Any, _Slot]) -> Any:
    found = []
    for at, one in enumerate(_listed(value)):
        number = 1_000_003 * (len(marks) + 1)
        mark = f"Mark {number}" if isinstance(one, str) else type(one)(number)
        marks[mark] = (name, at)
        found.append(mark)
    return found if isinstance(value, list) else found[0]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _written(database: Database, query: Select) -> tuple[str, list[Any]]:
    sql, parameters = database.get_sql_context().sql(query).query()
    return sql, list(parameters)
