"""Opens the databases: files, pragmas and locks on SQLite; pools and sessions on PostgreSQL.

These databases connect once per thread, on request: callers use `connection_context()` around their
work. The database decides whether that opens a connection or reuses one.
"""

import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, TypeVar
from weakref import WeakSet

from peewee import Database, OperationalError, SqliteDatabase

from glyphd.db.postgres_sessions import open_pool, open_postgres
from glyphd.db.troubles import Trouble, trouble_of
from glyphd.errors import Answered, NotReady
from glyphd.private_files import identity_at, make_file
from glyphd.settings import MIB, Settings

LOCK_WAIT_SECONDS = 30
_WRITER_PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": "full",
    "foreign_keys": 1,
    "journal_size_limit": 64 * MIB,
}
_ARCHIVE_CACHE_KIB = 16384
"""For reading and for writing: with four times as much, imports of 40 000 rows into an archive of
600 000 listings took as long, and the worker more memory."""
_REGISTRY_CACHE_KIB = 2048
_SORTING_CACHE_KIB = 65536
_PASSING_CACHE_KIB = 4096
_SORTING = {"threads": 1}
"""One helper thread sorts what is too large for the cache, while the next part is read."""

_ARCHIVE_PRAGMAS = _WRITER_PRAGMAS | _SORTING | {"cache_size": -_ARCHIVE_CACHE_KIB}

_MOST_KEPT = 4
"""Usually one is in use. After a burst of requests at most this many are kept, each with its
cache."""

KEPT_SECONDS = 1.0
"""A busy process then opens one connection a second instead of hundreds."""

Found = TypeVar("Found")


class SqliteFile(SqliteDatabase):
    """A SQLite database in an existing file: only migrations create one.

    Connecting raises NotReady while the file is missing or can't be opened.
    """

    def __init__(
        self,
        path: Path,
        *,
        mode: Literal["ro", "rw", "look"],
        pragmas: dict[str, Any],
        **options: Any,
    ) -> None:
        self.path = path
        uri = uri_to_look(path) if mode == "look" else f"{path.absolute().as_uri()}?mode={mode}"
        super().__init__(uri, pragmas=pragmas, timeout=LOCK_WAIT_SECONDS, uri=True, **options)

    def connect(self, reuse_if_open: bool = False) -> bool:
        try:
            return super().connect(reuse_if_open)
        except OperationalError as error:
            if not self.path.exists():
                raise NotReady(f"there is no database {self.path.name} yet") from None
            if not self.is_closed() or trouble_of(error) is Trouble.BUSY:
                raise
            raise NotReady(
                f"the database {self.path.name} can't be opened", reason=str(error)
            ) from error


class _KeptConnection(sqlite3.Connection):
    """A kept connection: the file it belongs to, and what is cached since the last commit there."""

    file: tuple[int, int] | None = None
    data_version = 0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._opened_at = time.monotonic()
        self.known: dict[Callable[[Any], Any], Any] = {}

    def is_fresh(self) -> bool:
        return time.monotonic() - self._opened_at < KEPT_SECONDS

    def __del__(self) -> None:
        with suppress(sqlite3.ProgrammingError):  # a connection that could not be opened
            self.close()


class KeptSqliteFile(SqliteFile):
    """A SQLite file whose connections are kept for reuse, the last used one first, because its
    cache has the most requested pages.

    Opening one costs as much as many queries, because SQLite reads the whole schema again, and
    closing the last one costs two syncs. A replaced file is noticed at the next use. No connection
    is used again KEPT_SECONDS after it was opened, so that any problem with one is temporary, and
    the large temporary tables of a long import are deleted with its connection.
    """

    _used: WeakSet["KeptSqliteFile"] = WeakSet()

    def __init__(self, path: Path, *, mode: Literal["ro", "rw"], **options: Any) -> None:
        options |= {"check_same_thread": False, "factory": _KeptConnection}
        super().__init__(path, mode=mode, **options)
        self.is_read_only = mode == "ro"
        self._idle: list[_KeptConnection] = []
        self._used.add(self)

    @classmethod
    def close_stale(cls) -> None:
        """Closes the connections of this process that are kept, but will not be used again."""
        for database in list(cls._used):
            for kept in list(database._idle):
                if not kept.is_fresh():
                    with suppress(ValueError):  # another thread has taken it
                        database._idle.remove(kept)
                        kept.close()

    @classmethod
    def close_kept(cls) -> None:
        """Closes all kept connections of this process, which ends: the last one to close a file
        copies the log into it."""
        for database in list(cls._used):
            database._close_idle()

    def close_all(self) -> None:
        """Closes this thread's connection and all kept ones."""
        self.close()
        self._close_idle()

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _connect(self) -> sqlite3.Connection:
        file = identity_at(self.path)
        while self._idle:
            kept = self._idle.pop()
            if kept.file == file and kept.is_fresh():
                return kept
            kept.close()
        # SQLite opens a file on a read-only disk for reading, even if asked to write.
        is_as_asked = self.is_read_only or os.access(self.path, os.W_OK)
        connection: _KeptConnection = super()._connect()  # type: ignore[misc]
        if is_as_asked and file == identity_at(self.path):
            connection.file = file
        return connection

    def _close(self, conn: _KeptConnection) -> None:
        """After an error a statement may still be running, and block the writer's checkpoints."""
        error = sys.exc_info()[1]
        has_failed = error is not None and not isinstance(error, Answered)
        is_of_use = conn.file is not None and conn.is_fresh() and len(self._idle) < _MOST_KEPT
        if is_of_use and not has_failed:
            self._idle.append(conn)
        else:
            conn.close()


def uri_to_look(path: Path) -> str:
    """The mode for opening a SQLite file only to inspect it, so that no files are left beside it.

    A connection in mode `ro` leaves its `-wal` and `-shm` behind; the last one in mode `rw` removes
    them. If the folder is read-only and there is no `-wal`, SQLite can read the file as it is, and
    must, because it can't create a `-shm`.
    """
    uri = path.absolute().as_uri()
    if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK):
        return f"{uri}?mode=rw"
    if Path(f"{path}-wal").exists():
        return f"{uri}?mode=ro"
    return f"{uri}?mode=ro&immutable=1"


def open_archive(settings: Settings, *, read_only: bool) -> Database:
    """The archive, read-only: the database enforces that."""
    if settings.database_url is not None:
        return open_pool(settings, read_only=read_only)
    return open_archive_file(settings.archive_path, read_only=read_only)


def open_archive_file(path: Path, *, read_only: bool) -> SqliteDatabase:
    """A SQLite archive by its path, which may contain any character of a file name."""
    if read_only:
        looking = _SORTING | {"query_only": 1, "cache_size": -_ARCHIVE_CACHE_KIB}
        return KeptSqliteFile(path, mode="ro", pragmas=looking)
    return SqliteFile(path, mode="rw", pragmas=_ARCHIVE_PRAGMAS, lock_type="IMMEDIATE")


def open_archive_for_imports(settings: Settings) -> Database:
    """The archive, to write one import after another. Its file alone is complete only when all
    connections are closed."""
    if settings.database_url is not None:
        return open_pool(settings, read_only=False)
    return KeptSqliteFile(
        settings.archive_path, mode="rw", pragmas=_ARCHIVE_PRAGMAS, lock_type="IMMEDIATE"
    )


def open_registry(settings: Settings) -> Database:
    """The registry, to read and to write."""
    if settings.database_url is not None:
        return open_pool(settings, read_only=False)
    pragmas = _WRITER_PRAGMAS | {"cache_size": -_REGISTRY_CACHE_KIB}
    return KeptSqliteFile(settings.registry_path, mode="rw", pragmas=pragmas, lock_type="IMMEDIATE")


def open_archive_to_verify(settings: Settings) -> Database:
    """The archive with its own temporary tables, which can be as large as an import; nothing else
    is written."""
    if settings.database_url is not None:
        return open_pool(settings, read_only=False)
    pragmas = _SORTING | {"cache_size": -_SORTING_CACHE_KIB}
    return SqliteFile(settings.archive_path, mode="look", pragmas=pragmas)


def open_registry_to_look(settings: Settings) -> Database:
    """The registry, for reading in a command that leaves no files behind."""
    if settings.database_url is not None:
        return open_pool(settings, read_only=True)
    pragmas = {"query_only": 1, "cache_size": -_REGISTRY_CACHE_KIB}
    return SqliteFile(settings.registry_path, mode="look", pragmas=pragmas)


def open_for_migration(settings: Settings, path: Path) -> Database:
    """A separate connection for changing the schema; creates the SQLite file at `path` if it is
    missing.

    Foreign keys are off on SQLite: with them on, rebuilding a parent table would delete its
    children's rows.
    """
    if settings.database_url is not None:
        return open_postgres(settings)
    make_file(path)
    pragmas = _WRITER_PRAGMAS | {"foreign_keys": 0}
    return SqliteFile(path, mode="rw", pragmas=pragmas, lock_type="IMMEDIATE")


def close_all(database: Database) -> None:
    """Closes this thread's connection and those in the pool, when the database is no longer
    needed."""
    getattr(database, "close_all", database.close)()


def once_a_commit(database: Database, find: Callable[[Database], Found]) -> Found:
    """The result of `find` on the database; on a kept connection it is cached until the next
    commit."""
    if not isinstance(database, KeptSqliteFile) or not database.is_read_only:
        return find(database)  # `data_version` does not show a connection's own commits
    kept: _KeptConnection = database.connection()  # type: ignore[no-untyped-call]
    (data_version,) = kept.execute("PRAGMA data_version").fetchone()
    if data_version != kept.data_version:
        kept.data_version, kept.known = data_version, {}
    if find not in kept.known:
        kept.known[find] = find(database)
    found: Found = kept.known[find]
    return found


@contextmanager
def small_cache(database: Database) -> Iterator[None]:
    """For work that reads each page once. SQLite then sorts in parts that fit into the processor's
    caches, in two thirds of the time."""
    if not isinstance(database, SqliteFile):
        yield
        return
    connection: sqlite3.Connection = database.connection()  # type: ignore[no-untyped-call]
    (before,) = connection.execute("PRAGMA cache_size").fetchone()
    connection.execute(f"PRAGMA cache_size = -{_PASSING_CACHE_KIB}")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA cache_size = {before}")
