"""Where Huey keeps its messages: a SQLite file or PostgreSQL's tables. Both open at the first use,
and repair the queue if necessary."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from huey.storage import PostgresStorage, SqliteStorage

from glyphd.bell import Bell
from glyphd.db.troubles import Trouble, trouble_of
from glyphd.private_files import identity_at
from glyphd.queue_files import prepare_queue_file

LOOK_SECONDS = 0.5
"""How often a worker checks the queue without being woken."""

LOCK_SECONDS = 2.0
"""An upload does not wait longer if another process has locked the queue: the sweep finds its job
without a message."""

_TABLES_LOCK = 0x676C7971
"""The advisory lock for creating the tables: CREATE TABLE IF NOT EXISTS fails if two sessions run
it at the same time."""


class RingingStorage(SqliteStorage):  # type: ignore[misc]  # huey has no type hints
    """Huey's queue in a SQLite file, with a bell, so that a worker need not poll it often.

    Opens its file at the first use. A file that vanished, was replaced or failed is checked again
    before the next use, and replaced if it can't be used.
    """

    blocking = True
    _conn: sqlite3.Connection | None

    def __init__(self, *arguments: Any, filename: str, **options: Any) -> None:
        super().__init__(
            *arguments, filename=filename, timeout=LOCK_SECONDS, create_tables=False, **options
        )
        self._path = Path(filename)
        self._file: tuple[int, int] | None = None
        self._bell = Bell(Path(f"{filename}.bell"))

    @property
    def conn(self) -> sqlite3.Connection:
        if self._conn is not None and self._file != identity_at(self._path):
            self._conn.close()
            self._conn = None
        connection: sqlite3.Connection = super().conn
        return connection

    @contextmanager
    def db(self, commit: bool = False, close: bool = False) -> Iterator[sqlite3.Cursor]:
        try:
            with super().db(commit=commit, close=close) as cursor:
                yield cursor
        except sqlite3.Error:
            self.close()
            raise

    def check_writable(self) -> None:
        """Raises what sending a message would raise."""
        with self.db(commit=True):
            pass

    def enqueue(self, data: bytes, priority: float | None = None) -> None:
        try:
            super().enqueue(data, priority)
        except sqlite3.Error as error:
            if trouble_of(error) is Trouble.BUSY:
                raise
            super().enqueue(data, priority)  # a damaged file has been replaced
        self._bell.ring()

    def dequeue(self) -> bytes | None:
        """The next message; None if none has come for a while."""
        found: bytes | None = super().dequeue()
        if found is None:
            self._bell.wait(LOOK_SECONDS)
            found = super().dequeue()
        return found

    def _create_connection(self) -> sqlite3.Connection:
        prepare_queue_file(self._path, self.ddl, patience=LOCK_SECONDS)
        self._file = identity_at(self._path)
        connection: sqlite3.Connection = super()._create_connection()
        # A power cut may lose the last messages, which the sweep sends again; the file stays sound.
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection


class TableStorage(PostgresStorage):  # type: ignore[misc]  # huey has no type hints
    """Huey's queue in tables of PostgreSQL, created at the first use, and again if they were
    dropped."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, create_tables=False, **options)

    @contextmanager
    def db(self, commit: bool = False, close: bool = False) -> Iterator[Any]:
        try:
            with super().db(commit=commit, close=close) as cursor:
                yield cursor
        except Exception:
            self.close()
            raise

    def check_writable(self) -> None:
        """Raises what sending a message would raise."""
        with self.db(commit=True):
            pass

    def _create_connection(self) -> Any:
        connection = self._connect()
        try:
            self._make_tables(connection)
        except Exception:
            connection.close()
            raise
        return connection

    def _make_tables(self, connection: Any) -> None:
        query = "SELECT to_regclass(%s) IS NOT NULL"
        if all(connection.execute(query, (name,)).fetchone()[0] for name in self._tables()):
            return
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_TABLES_LOCK,))
            for statement in self.ddl:
                connection.execute(statement)

    def _tables(self) -> tuple[str, ...]:
        return self.table_task, self.table_schedule, self.table_kv, self.table_counter
