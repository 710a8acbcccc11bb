"""Opens the databases: files, pragmas and locks on SQLite; pools and sessions on PostgreSQL.

What is opened here connects once per thread, when asked to: callers hold `connection_context()` around their work.
Whether that opens a connection or takes one that was kept is the database's own affair.
"""

import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, TypeVar

from peewee import Database, OperationalError, PostgresqlDatabase, SqliteDatabase
from playhouse.pool import MaxConnectionsExceeded, PooledPostgresqlDatabase

from glyphd.database_urls import scrubbed
from glyphd.errors import InvalidSettings, NotReady, Unavailable
from glyphd.settings import MIB, Settings

LOCK_WAIT_SECONDS = 30
POOL_WAIT_SECONDS = 2
POOL_SPARE = 2

_WRITER_PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": "full",
    "foreign_keys": 1,
    "journal_size_limit": 64 * MIB,
}
_ARCHIVE_CACHE_KIB = 65536
_REGISTRY_CACHE_KIB = 2048
_READER_CACHE_KIB = 16384
_PASSING_CACHE_KIB = 4096
_SORTING = {"threads": 1}
"""One helper thread sorts what is too large for the cache, while the next part comes in."""

_MOST_KEPT = 4
"""Mostly one is at work; after a rush no more than so many stay, each with its cache."""

KEPT_SECONDS = 1.0
"""A busy API opens a connection a second, then, instead of hundreds."""

_SESSION = {
    "timezone": "UTC",
    "client_connection_check_interval": "500",
    "synchronous_commit": "on",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
"""A server that looks after its client frees a dead one's locks within a second, even in a long statement.

A commit is on the server's disk when it is answered, and a long import is not ended by a time-out, whatever is set for
the server, the database or the role.
"""

_TRANSACTION_TIMEOUT_VERSION = 170000
"""Older servers refuse a connection that sets `transaction_timeout`."""

Found = TypeVar("Found")


class SqliteFile(SqliteDatabase):
    """A SQLite database in a file that is there already: only migrations make one.

    Connecting raises NotReady while the file is missing or can't be opened.
    """

    def __init__(
        self, path: Path, *, mode: Literal["ro", "rw", "look"], pragmas: dict[str, Any], **options: Any
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
            if not self.is_closed() or "locked" in str(error):
                raise
            raise NotReady(f"the database {self.path.name} can't be opened: {error}") from error


class _KeptConnection(sqlite3.Connection):
    """A connection that outlives its use: the file that it is to, and what is known since the last commit there."""

    file: tuple[int, int] | None = None
    data_version = 0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.opened_at = time.monotonic()
        self.known: dict[Callable[[Any], Any], Any] = {}

    def __del__(self) -> None:
        with suppress(sqlite3.ProgrammingError):  # one that could not be opened
            self.close()


class KeptSqliteFile(SqliteFile):
    """A SQLite file to read, whose connections are kept for the next use: the last one first, since it has the pages
    of the file at hand that are asked for most.

    Opening one costs as much as many a question: SQLite reads the whole schema anew. A file that took the place of
    the one that was opened is noticed at the next use. None is kept for longer than KEPT_SECONDS, so that whatever may
    go wrong with one is over then.
    """

    def __init__(self, path: Path, *, pragmas: dict[str, Any]) -> None:
        super().__init__(path, mode="ro", pragmas=pragmas, check_same_thread=False, factory=_KeptConnection)
        self._idle: list[_KeptConnection] = []

    def close_all(self) -> None:
        """Closes this thread's connection and all that are kept."""
        self.close()
        while self._idle:
            self._idle.pop().close()

    def _connect(self) -> sqlite3.Connection:
        file = self._file()
        while self._idle:
            kept = self._idle.pop()
            if kept.file == file and time.monotonic() - kept.opened_at < KEPT_SECONDS:
                return kept
            kept.close()
        connection: _KeptConnection = super()._connect()  # type: ignore[misc]
        if file == self._file():
            connection.file = file
        return connection

    def _close(self, conn: _KeptConnection) -> None:
        """After an error some statement may still be under way, and hold back the writer's checkpoints."""
        if conn.file is None or sys.exc_info()[0] is not None or len(self._idle) >= _MOST_KEPT:
            conn.close()
        else:
            self._idle.append(conn)

    def _file(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino


class PostgresSession(PostgresqlDatabase):
    """A PostgreSQL database. Connecting raises NotReady when the server does not answer."""

    def connect(self, reuse_if_open: bool = False) -> bool:
        try:
            return super().connect(reuse_if_open)
        except OperationalError as error:
            if not self.is_closed():
                raise
            said = scrubbed(" ".join(str(error).split()), str(self.database))
            raise NotReady("PostgreSQL does not answer", reason=said) from None

    def _connect(self) -> Any:
        connection: Any = super()._connect()  # type: ignore[misc]
        if connection.info.server_version >= _TRANSACTION_TIMEOUT_VERSION:
            with connection.cursor() as cursor:
                cursor.execute("SET transaction_timeout = 0")
        return connection


class PostgresPool(PooledPostgresqlDatabase, PostgresSession):  # type: ignore[misc]
    """PostgreSQL with connections kept for the next caller. Raises Unavailable when all of them stay in use."""

    def connect(self, reuse_if_open: bool = False) -> bool:
        try:
            return bool(super().connect(reuse_if_open))
        except MaxConnectionsExceeded:
            raise Unavailable("all connections to the database are in use") from None


def uri_to_look(path: Path) -> str:
    """How to open a SQLite file that is only to be looked at, so that nothing stays beside it.

    A connection in mode `ro` leaves its `-wal` and `-shm` behind; the last one in mode `rw` removes them. Where nobody
    can write and there is no `-wal`, SQLite may take the file as it is, and has to: it could make no `-shm`.
    """
    uri = path.absolute().as_uri()
    if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK):
        return f"{uri}?mode=rw"
    if Path(f"{path}-wal").exists():
        return f"{uri}?mode=ro"
    return f"{uri}?mode=ro&immutable=1"


def open_archive(settings: Settings, *, read_only: bool) -> Database:
    """The archive; read-only is enforced by the database, whatever the caller tries."""
    if settings.database_url is not None:
        return _open_pool(settings, read_only=read_only)
    return open_archive_file(settings.archive_path, read_only=read_only)


def open_archive_file(path: Path, *, read_only: bool) -> SqliteDatabase:
    """A SQLite archive by its path, which may hold any character a file name can."""
    if read_only:
        return KeptSqliteFile(path, pragmas=_SORTING | {"query_only": 1, "cache_size": -_READER_CACHE_KIB})
    pragmas = _WRITER_PRAGMAS | _SORTING | {"cache_size": -_ARCHIVE_CACHE_KIB}
    return SqliteFile(path, mode="rw", pragmas=pragmas, lock_type="IMMEDIATE")


def open_registry(settings: Settings) -> Database:
    """The registry, to read and to write."""
    if settings.database_url is not None:
        return _open_pool(settings, read_only=False)
    pragmas = _WRITER_PRAGMAS | {"cache_size": -_REGISTRY_CACHE_KIB}
    return SqliteFile(settings.registry_path, mode="rw", pragmas=pragmas, lock_type="IMMEDIATE")


def open_archive_to_verify(settings: Settings) -> Database:
    """The archive with temporary tables of one's own, which may be as large as an import; nothing else is written."""
    if settings.database_url is not None:
        return _open_pool(settings, read_only=False)
    pragmas = _SORTING | {"cache_size": -_ARCHIVE_CACHE_KIB}
    return SqliteFile(settings.archive_path, mode="look", pragmas=pragmas)


def open_registry_to_look(settings: Settings) -> Database:
    """The registry, to read it in a command that leaves nothing behind."""
    if settings.database_url is not None:
        return _open_pool(settings, read_only=True)
    pragmas = {"query_only": 1, "cache_size": -_REGISTRY_CACHE_KIB}
    return SqliteFile(settings.registry_path, mode="look", pragmas=pragmas)


def open_for_migration(settings: Settings, path: Path) -> Database:
    """A connection of its own for changing the schema; makes the SQLite file at `path` when it is missing.

    Foreign keys are off on SQLite: with them on, a parent table can't be rebuilt without its children's rows going.
    """
    if settings.database_url is not None:
        return open_postgres(settings)
    make_file(path)
    pragmas = _WRITER_PRAGMAS | {"foreign_keys": 0}
    return SqliteFile(path, mode="rw", pragmas=pragmas, lock_type="IMMEDIATE")


def open_postgres(settings: Settings) -> Database:
    """A plain connection to PostgreSQL, without a pool. Raises InvalidSettings when psycopg is not installed."""
    url, options = _postgres_arguments(settings, read_only=False)
    return PostgresSession(url, **options)


def close_all(database: Database) -> None:
    """Closes this thread's connection and those that a pool keeps, when the database is not needed any more."""
    if isinstance(database, PostgresPool | KeptSqliteFile):
        database.close_all()
    else:
        database.close()


def once_a_commit(database: Database, find: Callable[[Database], Found]) -> Found:
    """What `find` says of the database; on a kept connection it is remembered until somebody commits."""
    if not isinstance(database, KeptSqliteFile):
        return find(database)
    kept: _KeptConnection = database.connection()  # type: ignore[no-untyped-call]
    (data_version,) = kept.execute("PRAGMA data_version").fetchone()
    if data_version != kept.data_version:
        kept.data_version, kept.known = data_version, {}
    if find not in kept.known:
        kept.known[find] = find(database)
    found: Found = kept.known[find]
    return found


@contextmanager
def little_memory(database: Database) -> Iterator[None]:
    """For what passes through once, and may be as large as the archive: SQLite keeps little of it, and sorts it in
    parts that fit into the processor's caches, which takes two thirds of the time."""
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


def make_file(path: Path) -> None:
    """An empty file that only its owner may read, with its folders; one that is there is left untouched.

    A database file is never opened here: closing it would drop the locks that SQLite holds on it in this process.
    """
    make_folder(path.parent)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return


def make_folder(folder: Path) -> None:
    """The folder and those above it that are missing, each for its owner alone, durable when this returns."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)
        sync_folder(one.parent)


def sync_folder(folder: Path) -> None:
    """Makes the names in the folder survive a power cut: syncing a file does not say where it is.

    A folder that may be written to but not listed can't be opened, and stays as it is.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open_pool(settings: Settings, *, read_only: bool) -> PostgresPool:
    url, options = _postgres_arguments(settings, read_only=read_only)
    size = settings.threads + POOL_SPARE
    return PostgresPool(url, max_connections=size, timeout=POOL_WAIT_SECONDS, **options)


def _postgres_arguments(settings: Settings, *, read_only: bool) -> tuple[str, dict[str, Any]]:
    """The URL, which psycopg takes apart and unquotes itself, and the options of the session."""
    assert settings.database_url is not None
    if find_spec("psycopg") is None:
        raise InvalidSettings("GLYPHD_DATABASE_URL needs psycopg: install glyphd[postgres]")
    session = _SESSION | ({"default_transaction_read_only": "on"} if read_only else {})
    ours = " ".join(f"-c {name}={value}" for name, value in session.items())
    url = "postgresql://" + settings.database_url.partition("://")[2]
    return url, {"prefer_psycopg3": True, "options": f"{_options_in(url)} {ours}".strip()}


def _options_in(url: str) -> str:
    from psycopg import ProgrammingError, conninfo

    try:
        return str(conninfo.conninfo_to_dict(url).get("options") or "")
    except ProgrammingError as error:
        said = scrubbed(" ".join(str(error).split()), url)
        raise InvalidSettings(f"GLYPHD_DATABASE_URL can't be read: {said}") from None
