"""Statements that depend on nothing but the kind of database and a few facts: made with Peewee and
compiled to SQL once in a process. For a small import, compiling takes longer than executing."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import wraps
from operator import itemgetter
from typing import Any, NamedTuple

import peewee
from peewee import Database, Node, Value


@dataclass(frozen=True)
class Parameter:
    """A placeholder in a statement for a value that each execution passes by this name."""

    name: str


def given(name: str) -> Value:
    """The placeholder as a value, passed as it is: no field converts it."""
    return Value(Parameter(name), converter=False)


class Compiled(NamedTuple):
    """One statement as SQL, and the values of its placeholders."""

    sql: str
    values: list[Any]

    def execute(self, database: Database, **passed: Any) -> Any:
        """Executes the statement, and returns the cursor."""
        values = [
            passed[value.name] if isinstance(value, Parameter) else value for value in self.values
        ]
        return database.execute_sql(self.sql, values)

    def execute_for_each(
        self, database: Database, names: Sequence[str], rows: Iterable[Sequence[Any]]
    ) -> None:
        """Executes the statement, which has only placeholders, for each row: `names` are those of
        a row's values. Raises Peewee's errors."""
        pick = itemgetter(*(names.index(value.name) for value in self.values))
        with peewee.__exception_wrapper__:  # type: ignore[attr-defined]
            database.connection().cursor().executemany(self.sql, map(pick, rows))


def compiled(
    make: Callable[..., Iterable[Node]],
) -> Callable[..., list[Compiled]]:
    """The statement that `make` returns for a database and its other arguments, compiled at the
    first use and kept."""
    known: dict[tuple[Hashable, ...], list[Compiled]] = {}

    @wraps(make)
    def find(database: Database, *facts: Hashable) -> list[Compiled]:
        key = (type(database), *facts)
        if key not in known:
            nodes = make(database, *facts)
            known[key] = [Compiled(*database.get_sql_context().sql(node).query()) for node in nodes]
        return known[key]

    return find
