"""Reads rows from the database, converts them in Python and writes them to another table: with
constant memory, and in as many round trips for many rows as for a few."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from tempfile import TemporaryFile
from typing import Any

import peewee
from peewee import SQL, Database
from pydantic_core import from_json, to_json

from glyphd.db.dialects import add_rows, is_sqlite, stream

BLOCK_ROWS = 1000

Block = list[tuple[Any, ...]]
Convert = Callable[[Block], Iterable[Sequence[Any]]]


def rewrite_rows(
    database: Database,
    query: str,
    types: Sequence[str],
    *,
    into: str,
    columns: Sequence[str],
    convert: Convert,
) -> None:
    """Inserts the result of `convert` for each block of the query's rows, within the open
    transaction.

    The query has no parameters; `types` are PostgreSQL's for its columns. The converted rows have
    only texts and integers. Raises Peewee's errors.
    """
    if is_sqlite(database):
        for block in _blocks(stream(database, SQL(query))):
            add_rows(database, into, columns, convert(block))
        return
    # A connection that reads by COPY can't write by it, so the rows wait in a file.
    with TemporaryFile() as waiting:
        for block in _blocks(_copied_out(database, query, types)):
            waiting.writelines(to_json(row) + b"\n" for row in convert(block))
        waiting.seek(0)
        add_rows(database, into, columns, map(from_json, waiting))


def _blocks(rows: Iterator[tuple[Any, ...]]) -> Iterator[Block]:
    while block := list(islice(rows, BLOCK_ROWS)):
        yield block


def _copied_out(database: Database, query: str, types: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """A cursor on the server would need a round trip for every few thousand rows."""
    with (
        peewee.__exception_wrapper__,  # type: ignore[attr-defined]
        database.connection().cursor() as cursor,
        cursor.copy(f"COPY ({query}) TO STDOUT") as copy,
    ):
        copy.set_types(types)
        yield from copy.rows()
