"""The few places where SQLite and PostgreSQL differ, as functions that take the database."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Any
from uuid import uuid4

import peewee
from peewee import (
    OP,
    SQL,
    Database,
    Expression,
    Node,
    NodeList,
    Select,
    SqliteDatabase,
    Value,
    fn,
)
from pydantic_core import to_json

from glyphd.contracts.texts import fold_ascii

ARCHIVE_LOCK = 0x676C79706864_01
"""The advisory locks on PostgreSQL: `glyphd` in hexadecimal, followed by a number for what is
locked."""
MIGRATION_LOCK = 0x676C79706864_02

STREAM_ROWS = 2000
"""Rows fetched at a time from a server-side cursor."""


def is_sqlite(database: Database) -> bool:
    return isinstance(database, SqliteDatabase)


def caseless(database: Database, node: Node) -> Node:
    """The text `node` in the form that is used by comparisons ignoring ASCII case and by indexes.

    On SQLite it is the node itself, because its column has `COLLATE NOCASE`.
    """
    if is_sqlite(database):
        return node
    return fn.LOWER(NodeList((node, SQL('COLLATE "C"'))))


def caseless_value(database: Database, text: str) -> str:
    """`text` folded for comparison with a `caseless` node: only ASCII letters, and the same on both
    databases."""
    return text if is_sqlite(database) else fold_ascii(text)


def equals_caseless(database: Database, node: Node, text: str) -> Expression:
    """Whether the text `node` is `text`, ignoring ASCII case."""
    return Expression(caseless(database, node), OP.EQ, caseless_value(database, text))


def contains_caseless(database: Database, node: Node, text: str) -> Expression:
    """Whether the text `node` contains `text`, ignoring ASCII case. No character of `text` is a
    wildcard."""
    position = fn.INSTR if is_sqlite(database) else fn.STRPOS
    return position(folded(database, node), fold_ascii(text)) > 0


def bucket_start(database: Database, time: Node, bucket: str) -> Any:
    """The date (`2025-07-28`) on which the `day`, `week` (from Monday) or `month` of a stored time
    begins."""
    if bucket == "month":
        return fn.SUBSTR(time, 1, 7).concat("-01")
    day = fn.SUBSTR(time, 1, 10)
    if bucket == "day":
        return day
    if is_sqlite(database):
        return fn.DATE(day, "-6 days", "weekday 1")
    return fn.TO_CHAR(fn.DATE_TRUNC("week", day.cast("timestamp")), "YYYY-MM-DD")


def date_before(database: Database, time: Node, days: int) -> Any:
    """The date that is this many days before the day of a stored time."""
    day = fn.SUBSTR(time, 1, 10)
    if is_sqlite(database):
        return fn.DATE(day, f"-{days} days")
    return fn.TO_CHAR(day.cast("date") - days, "YYYY-MM-DD")


def days_between(database: Database, earlier: Any, later: Any) -> Any:
    """The number of days from the day of one stored time to the day of another."""
    first, last = fn.SUBSTR(earlier, 1, 10), fn.SUBSTR(later, 1, 10)
    if is_sqlite(database):
        return (fn.JULIANDAY(last) - fn.JULIANDAY(first)).cast("integer")
    return last.cast("date") - first.cast("date")


def json_rows(database: Database, text: str | Value, columns: Mapping[str, str]) -> Select:
    """A query for the rows of a JSON array of arrays; `columns` are their names and SQL types."""
    if is_sqlite(database):
        parts: list[Any] = [
            fn.JSON_EXTRACT(SQL("value"), f"$[{place}]") for place in range(len(columns))
        ]
        rows = fn.JSON_EACH(text)
    else:
        kinds = enumerate(columns.values())
        parts = [SQL(f"CAST(value ->> {place} AS {kind})") for place, kind in kinds]
        value = text if isinstance(text, Value) else Value(text)
        rows = fn.JSONB_ARRAY_ELEMENTS(value.cast("jsonb"))
    named = zip(columns, parts, strict=True)
    return Select([rows], [part.alias(name) for name, part in named])


def exactly(database: Database, node: Any) -> Any:
    """The value `node`, for comparison byte by byte: case matters, and text never equals bytes."""
    return NodeList((node, SQL("COLLATE BINARY"))) if is_sqlite(database) else node


def in_byte_order(database: Database, node: Any) -> Any:
    """The text `node` in a form that is compared and sorted byte by byte."""
    return NodeList((node, SQL("COLLATE BINARY" if is_sqlite(database) else 'COLLATE "C"')))


def folded(database: Database, node: Node) -> Node:
    """The text `node` with its ASCII letters in lower case."""
    return fn.LOWER(node) if is_sqlite(database) else caseless(database, node)


def equals_exactly(database: Database, left: str, right: str) -> str:
    """SQL for whether two columns are equal byte for byte, or both null."""
    if is_sqlite(database):
        return f"{left} IS {right} COLLATE BINARY"
    return f"{left} IS NOT DISTINCT FROM {right}"


def microseconds_of(database: Database, time: str) -> str:
    """SQL for the microseconds between 1970 and a stored time."""
    if is_sqlite(database):
        seconds = f"CAST(STRFTIME('%s', SUBSTR({time}, 1, 19)) AS INTEGER)"
        return f"({seconds} * 1000000 + CAST(SUBSTR({time}, 21, 6) AS INTEGER))"
    return f"CAST(EXTRACT(EPOCH FROM CAST({time} AS TIMESTAMPTZ)) * 1000000 AS BIGINT)"


def hours_before(database: Database, time: Any, hours: int) -> Any:
    """The stored time this many hours before a stored time, to the microsecond."""
    if is_sqlite(database):
        second = fn.STRFTIME("%Y-%m-%dT%H:%M:%S", fn.SUBSTR(time, 1, 19), f"-{hours} hours")
        return second.concat(fn.SUBSTR(time, 20))
    moment = fn.TIMEZONE("UTC", time.cast("timestamptz")) - SQL(f"interval '{int(hours)} hours'")
    return fn.TO_CHAR(moment, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')


def first_half_of_sha256(database: Database, text: str) -> str:
    """SQL for 16 bytes: the first half of the SHA-256 of a text in UTF-8."""
    if not isinstance(database, SqliteDatabase):
        return f"SUBSTR(SHA256(CONVERT_TO({text}, 'UTF8')), 1, 16)"
    database.register_function(_first_half_of_sha256, deterministic=True)
    return f"{_first_half_of_sha256.__name__}({text})"


def _first_half_of_sha256(text: str) -> bytes:
    return sha256(text.encode()).digest()[:16]


def row_digest(database: Database, columns: Sequence[str]) -> str:
    """SQL for 16 bytes that are the same for rows with the same values in these columns."""
    if not isinstance(database, SqliteDatabase):
        return f"SUBSTR(SHA256(CONVERT_TO(CAST(ROW({', '.join(columns)}) AS TEXT), 'UTF8')), 1, 16)"
    database.register_function(_digest_of_values, num_params=-1, deterministic=True)
    return f"{_digest_of_values.__name__}({', '.join(columns)})"


def _digest_of_values(*values: Any) -> bytes:
    return sha256(to_json(values)).digest()[:16]


def analyze(database: Database, *tables: str) -> None:
    """Lets PostgreSQL collect statistics on temporary tables; each may be given with its columns.

    Autovacuum never looks at them, and the planner's guesses can be so far off that it compares
    each row of one with each row of another. SQLite needs no statistics, because these statements
    are written so that there is only one good way to run them.
    """
    if not is_sqlite(database):
        database.execute_sql(f"ANALYZE {', '.join(tables)}")


@contextmanager
def exclusive_write(database: Database) -> Iterator[None]:
    """A transaction on the archive that never overlaps another one of these, from its first
    statement to its commit.

    On SQLite it waits for the write lock up to the connection's timeout, then raises
    OperationalError.
    """
    with database.atomic():
        if not is_sqlite(database):
            database.execute_sql("SELECT pg_advisory_xact_lock(%s)", (ARCHIVE_LOCK,))
        yield


@contextmanager
def uncommitted(database: Database) -> Iterator[None]:
    """A transaction for temporary tables: it takes no lock for which another connection would
    wait."""
    with database.atomic("DEFERRED") if is_sqlite(database) else database.atomic():
        yield


@contextmanager
def snapshot(database: Database) -> Iterator[None]:
    """A transaction whose statements all read the same state, that of the first one."""
    with database.atomic("DEFERRED" if is_sqlite(database) else "REPEATABLE READ"):
        yield


def cause_of(error: BaseException) -> BaseException:
    """Raises the original error: SQLite ends a transaction by itself when the disk is full, and
    Peewee would then only report that there is none to roll back.
    """
    while "cannot rollback" in str(error) and error.__context__ is not None:
        error = error.__context__
    return error


def interrupter(database: Database) -> Callable[[], None]:
    """A function that ends the running statement on this thread's connection, for another thread to
    call.

    The statement then raises OperationalError, and its transaction must be rolled back.
    """
    connection = database.connection()
    ending: Callable[[], None] = (
        connection.interrupt if is_sqlite(database) else connection.cancel_safe
    )
    return ending


def read_any_text(database: Database) -> None:
    """Lets this thread's connection return text as it is stored, even if it is invalid: bytes that
    can't be decoded are escaped."""
    if is_sqlite(database):
        database.connection().text_factory = lambda data: data.decode("utf-8", "surrogateescape")


def add_rows(
    database: Database, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Inserts the rows, each in the order of `columns`, within the open transaction.

    Many times faster than `insert_many`, which builds a syntax tree for every row. Raises Peewee's
    errors.
    """
    names = ", ".join(f'"{name}"' for name in columns)
    connection = database.connection()
    with peewee.__exception_wrapper__:  # type: ignore[attr-defined]
        if is_sqlite(database):
            marks = ", ".join("?" * len(columns))
            connection.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', rows)
            return
        with (
            connection.cursor() as cursor,
            cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as copy,
        ):
            for row in rows:
                copy.write_row(row)


def unindexed(database: Database, node: Any) -> Any:
    """The same value in a form for which SQLite does not use an index, for ORDER BY."""
    return Expression(SQL(""), "+", node, flat=True) if is_sqlite(database) else node


def stream(database: Database, query: Node) -> Iterator[tuple[Any, ...]]:
    """Streams the rows of a query with constant memory; meanwhile the connection must stay open, in
    a transaction."""
    if is_sqlite(database):
        return iter(database.execute(query))
    return _read_on_server(database, query)


def _read_on_server(database: Database, query: Node) -> Iterator[tuple[Any, ...]]:
    sql, parameters = database.get_sql_context().sql(query).query()
    name = f"stream_{uuid4().hex}"
    with peewee.__exception_wrapper__, database.connection().cursor(name=name) as cursor:  # type: ignore[attr-defined]
        cursor.itersize = STREAM_ROWS
        cursor.execute(sql, parameters)
        yield from cursor
