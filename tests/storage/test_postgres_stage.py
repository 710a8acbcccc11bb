"""The stage of an import on PostgreSQL: it takes a fixed number of round trips, and every temporary
table has statistics."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile

import pytest
from peewee import Database
from psycopg.pq import Trace

from glyphd.db.connections import close_all
from glyphd.settings import Settings
from glyphd.storage.batches import Batch
from glyphd.storage.staging import StagedColumns, open_stage
from glyphd.storage.writing import write_batch
from tests.storage.conftest import open_store

IDENTITIES = 10
READ_WHOLE = {"staged_models_counted", "staged_sellers_counted"}
"""Temporary tables that are only read as a whole, or by a few keys."""


@pytest.fixture
def archive(postgres_settings: Settings) -> Iterator[Database]:
    store = open_store(postgres_settings)
    with store.database.connection_context():
        # Preparing a statement after five executions takes an additional round trip.
        store.database.connection().prepare_threshold = None
        yield store.database
    close_all(store.database)


def _repeated(count: int) -> StagedColumns:
    """This many rows of every kind of repetition: equal rows, rows that differ only in columns
    without an index, and separate offers with and without a URL."""
    numbers = range(1, count + 1)
    urls = (None, "https://a.example", "https://b.example", "https://c.example")
    return {
        "import_index": [*numbers],
        "model": [f"M{number % IDENTITIES}" for number in numbers],
        "price_usd": [float(number if number % 4 == 2 else 1) for number in numbers],
        "score": [0.5] * count,
        "seller": ["Acme"] * count,
        "title": [f"{number % 7}" if number % 4 == 3 else None for number in numbers],
        "seen_at": ["2025-07-29T12:12:00.000000Z"] * count,
        "source_url": [urls[number % 4] for number in numbers],
    }


def _import(archive: Database, count: int) -> int:
    """The round trips of an import of this many rows, from its first row on."""
    with open_stage(archive) as stage, _counted(archive) as trips:
        stage.add(_repeated(count))
        stage.complete()
        # With the digest of a file, as in an upload; otherwise all rows are read for their digest.
        write_batch(archive, stage, Batch(f"import of {count}", "feed", sha256="ab" * 32))
        found = trips()
        assert _unknown_tables(archive) <= READ_WHOLE
    return found


@contextmanager
def _counted(archive: Database) -> Iterator[Callable[[], int]]:
    connection = archive.connection().pgconn
    with TemporaryFile("w+") as trace:
        connection.trace(trace.fileno())
        connection.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)

        def count() -> int:
            connection.untrace()
            trace.seek(0)
            return sum("ReadyForQuery" in line for line in trace)

        yield count


def _unknown_tables(archive: Database) -> set[str]:
    """Temporary tables that have rows but no statistics for the planner."""
    query = (
        "SELECT relname FROM pg_class WHERE relpersistence = 't' AND relkind = 'r' "
        "AND reltuples < 0 AND pg_relation_size(oid) > 0"
    )
    return {name for (name,) in archive.execute_sql(query)}


def test_many_repeated_rows_take_no_more_round_trips_than_a_few(archive: Database) -> None:
    _import(archive, 200)  # the very first import has no groups to look at
    assert _import(archive, 400) == _import(archive, 4000)
