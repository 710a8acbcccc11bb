"""Archive reads from a standby of PostgreSQL, whose every answer is as new as the primary's."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from select import select
from threading import local
from typing import Any

import structlog
from peewee import Database

from glyphd.db.archive_versions import read_version, version_of, version_query
from glyphd.db.connections import open_archive
from glyphd.db.postgres_sessions import PostgresPool, PostgresSession, open_pool, pool_arguments
from glyphd.db.troubles import trouble_of
from glyphd.errors import Unavailable
from glyphd.settings import Settings

ANSWER_SECONDS = 1.0
"""A standby that takes longer to report its state counts as unavailable."""

CONNECT_SECONDS = 2
"""The shortest time-out that libpq supports."""

AWAY_SECONDS = 5.0
"""How long the standby is not asked again after it did not answer."""

log = structlog.get_logger(__name__)


class StandbyPool(PostgresPool):
    """Connections to the standby. After one has failed, none is tried for a while."""

    away_until = 0.0

    def _connect(self) -> Any:
        # Tested here, because a thread comes here after it has waited for another one's failed
        # attempt.
        if self.is_away():
            raise Unavailable("the standby did not answer a moment ago")
        return super()._connect()

    def _follow_clock(self, server_now: datetime, began: datetime) -> None:
        """Does not set the clock: the primary's clock counts."""

    def is_away(self) -> bool:
        return time.monotonic() < self.away_until


class _Chosen(local):
    """Which server answers this thread."""

    pool: PostgresPool | None = None
    is_primary_wanted = False


class StandbyReads(PostgresSession):
    """The archive for reading: on the standby if that has every import, rollback and restore that
    the primary had committed when the connection was requested, else on the primary.

    So a client that has seen its import succeed finds its rows, whichever process it asks. Raises
    what connecting to the primary raises: only the primary knows what is committed.
    """

    def __init__(self, primary: PostgresPool, standby: StandbyPool) -> None:
        super().__init__(standby.database, prefer_psycopg3=True)
        self._primary = primary
        self._standby = standby
        self._chosen = _Chosen()

    def connect(self, reuse_if_open: bool = False) -> bool:
        # Chosen before Peewee takes its lock: no thread waits for the questions of another one.
        if self.is_closed():
            self._chosen.pool = self._choose()
        return super().connect(reuse_if_open)

    def close_all(self) -> None:
        """Closes this thread's connection and all kept ones."""
        self.close()
        self._primary.close_all()
        self._standby.close_all()

    @contextmanager
    def on_primary(self) -> Iterator[None]:
        """This thread reads from the primary in the block."""
        self._chosen.is_primary_wanted = True
        try:
            yield
        finally:
            self._chosen.is_primary_wanted = False

    def has_failed_on_standby(self, error: Exception) -> bool:
        """Whether this thread was reading from the standby and the database raised the error: the
        standby ended, or cancelled the query because of changes that it had to replay. The primary
        may answer."""
        return self._chosen.pool is self._standby and trouble_of(error) is not None

    def why_not_used(self) -> str | None:
        """Why the primary answers at this moment, for people; None if the standby does."""
        with self._primary.connection_context():
            newest = read_version(self._primary)
        held = self._ask_standby()
        if held is None:
            return "the standby does not answer, so the primary answers all reads"
        self._standby.close()
        if held != newest:
            return "the standby is behind, so the primary answers until it has caught up"
        return None

    def _choose(self) -> PostgresPool:
        """The pool to read from, connected for this thread."""
        self._primary.connect(reuse_if_open=True)
        try:
            if not self._holds_all():
                return self._primary
        except BaseException:
            self._primary.close()
            raise
        self._primary.close()
        return self._standby

    def _holds_all(self) -> bool:
        """Whether the standby is up to date with the primary; if so it is connected."""
        if self._chosen.is_primary_wanted or self._standby.is_away():
            return False
        newest = read_version(self._primary)  # before the standby is asked, never after
        held = self._ask_standby()
        if held is not None and held != newest:
            self._standby.close()
        return held == newest

    def _ask_standby(self) -> str | None:
        """The version of the standby's data, read on a connection that stays open for this thread;
        None if it is unavailable."""
        try:
            self._standby.connect(reuse_if_open=True)
            return version_of(_row_within(ANSWER_SECONDS, self._standby))
        except Exception as error:  # noqa: BLE001  # whatever it is, the primary can answer
            if not self._standby.is_away():
                log.warning("standby_away", reason=" ".join(str(error).split()))
                self._standby.away_until = time.monotonic() + AWAY_SECONDS
            self._standby.drop_connections()
            return None

    def _connect(self) -> Any:
        assert self._chosen.pool is not None
        return self._chosen.pool.connection()  # type: ignore[no-untyped-call]

    def _close(self, conn: Any) -> None:
        assert self._chosen.pool is not None
        self._chosen.pool.close()


def open_reads(settings: Settings) -> Database:
    """The archive for the API, which only reads: on the standby if one is configured."""
    if settings.read_url is None or settings.database_url is None:
        return open_archive(settings, read_only=True)
    primary = open_pool(settings, read_only=True)
    url, options = pool_arguments(settings, "read_url", read_only=True)
    options["connect_timeout"] = CONNECT_SECONDS
    return StandbyReads(primary, StandbyPool(url, **options))


def _row_within(seconds: float, database: PostgresPool) -> tuple[Any, ...]:
    """The row of the version on this thread's connection. Raises TimeoutError if the server does
    not answer in time: its machine may be frozen, and no other limit would end the wait."""
    connection = database.connection().pgconn  # type: ignore[no-untyped-call]
    connection.send_query(version_query(database).sql.encode())
    deadline = time.monotonic() + seconds
    while connection.is_busy():
        left = max(0.0, deadline - time.monotonic())
        if not select([connection.socket], [], [], left)[0]:
            raise TimeoutError(f"no answer within {seconds} s")
        connection.consume_input()
    result = connection.get_result()
    while connection.get_result() is not None:
        pass
    if result is None or result.ntuples != 1:
        said = result.error_message if result is not None else connection.error_message
        raise ConnectionError(bytes(said).decode(errors="replace"))
    values = [result.get_value(0, column) for column in range(result.nfields)]
    return tuple(None if value is None else value.decode() for value in values)
