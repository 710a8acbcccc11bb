"""Connections to PostgreSQL: one at a time or from a pool, each with the session that glyphd
needs."""

import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib.util import find_spec
from select import POLLIN, poll
from typing import Any

import structlog
from peewee import Database, OperationalError, PeeweeException, PostgresqlDatabase
from playhouse.pool import MaxConnectionsExceeded, PooledPostgresqlDatabase

from glyphd.database_urls import scrubbed
from glyphd.db.troubles import Trouble, trouble_of
from glyphd.errors import InvalidSettings, NotReady, Unavailable
from glyphd.settings import Settings
from glyphd.times import CLOCK

POOL_WAIT_SECONDS = 2
POOL_SPARE = 2
KEPT_SECONDS = 60
"""The longest a connection is kept, so that readers leave a standby that was promoted."""

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
"""The server checks its client, so that a dead client's locks are released within a second, even in
a long statement.

A commit is on the server's disk when it is answered, and no time-out ends a long import, regardless
of the settings of the server, the database or the role.
"""

_CLIENT = {
    "connect_timeout": "5",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
"""The client checks its server too: a machine that vanished is noticed within half a minute, and
the next host of the URL is tried. Values for these in the URL take precedence."""

_MOVED = (Trouble.LOST, Trouble.DEMOTED)
"""Troubles after which the other kept connections are useless too: the server restarted, or another
one is now the primary."""

_SET_UP_TRIES = 20

_TRANSACTION_TIMEOUT_VERSION = 170000
"""Older servers refuse a connection that sets `transaction_timeout`."""

log = structlog.get_logger(__name__)


class PostgresSession(PostgresqlDatabase):
    """A PostgreSQL database. Connecting raises NotReady when the server does not answer.

    `session` has what each connection sets. It is set by a query, because PgBouncer drops the
    `options` of a connection.
    """

    _session: dict[str, str]

    def init(  # type: ignore[override]  # the stubs lack what each database adds
        self, database: str, *given: Any, session: dict[str, str] | None = None, **named: Any
    ) -> None:
        self._session = session or {}
        super().init(database, *given, **named)

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
        session = self._session
        if connection.info.server_version >= _TRANSACTION_TIMEOUT_VERSION:
            session = session | {"transaction_timeout": "0"}
        began = datetime.now(UTC)
        self._follow_clock(_set_up(connection, session), began)
        return connection

    def _follow_clock(self, server_now: datetime, began: datetime) -> None:
        """Machines may be minutes apart: all of them count by the server's clock."""
        if CLOCK.follow(server_now, began, datetime.now(UTC)):
            log.warning("clocks_differ", seconds_ahead=round(CLOCK.ahead.total_seconds(), 1))


class PostgresPool(PooledPostgresqlDatabase, PostgresSession):  # type: ignore[misc]
    """PostgreSQL with connections kept for the next caller. Raises Unavailable if all of them
    remain in use.

    After a failover no kept connection is used again: what the server has closed is noticed before
    its next use, and the first trouble with a demoted primary ends all that are kept.
    """

    def connect(self, reuse_if_open: bool = False) -> bool:
        try:
            return bool(super().connect(reuse_if_open))
        except MaxConnectionsExceeded:
            raise Unavailable("all connections to the database are in use") from None

    def drop_connections(self) -> None:
        """Closes this thread's connection and the idle ones."""
        with suppress(PeeweeException):
            self.manual_close()
        self.close_idle()

    def _is_closed(self, conn: Any) -> bool:
        """Whether it is no longer usable, determined without asking the server, as Peewee would do:
        a frozen server would never answer."""
        if conn.closed:
            return True
        if not _has_said_something(conn):
            return False
        self._close_raw(conn)
        return True

    def _close(self, conn: Any, close_conn: bool = False) -> None:
        error = sys.exc_info()[1]
        has_moved = error is not None and trouble_of(error) in _MOVED
        super()._close(conn, close_conn or has_moved)
        if has_moved:
            self.close_idle()


def _set_up(connection: Any, session: Mapping[str, str]) -> datetime:
    """Sets the session, and returns the server's time.

    The time limit of a statement is lifted first, and repeatedly if necessary: a limit of a
    millisecond may end the statement that lifts it.
    """
    from psycopg.errors import QueryCanceled

    settings = ", ".join(
        f"set_config('{name}', '{value}', false)" for name, value in session.items()
    )
    query = f"SET statement_timeout = 0; SELECT clock_timestamp(), {settings}"
    tries = 0
    while True:
        try:
            with connection.cursor() as cursor:
                cursor.execute(query)
                cursor.nextset()
                found: datetime = cursor.fetchone()[0]
                return found
        except QueryCanceled:
            tries += 1
            if tries == _SET_UP_TRIES:
                raise


def _has_said_something(connection: Any) -> bool:
    """Whether the server has sent something on an idle connection: a notice that it will end, or
    its end."""
    waiting = poll()
    waiting.register(connection.fileno(), POLLIN)
    return bool(waiting.poll(0))


def open_postgres(settings: Settings) -> Database:
    """A plain connection to PostgreSQL, without a pool. Raises InvalidSettings if psycopg is not
    installed."""
    url, options = _postgres_arguments(settings, read_only=False)
    return PostgresSession(url, **options)


def open_pool(settings: Settings, *, read_only: bool) -> PostgresPool:
    """Kept connections to the primary."""
    url, options = pool_arguments(settings, read_only=read_only)
    return PostgresPool(url, **options)


def pool_arguments(
    settings: Settings, setting: str = "database_url", *, read_only: bool
) -> tuple[str, dict[str, Any]]:
    """The URL in this setting, and the options of a pool for it."""
    url, options = _postgres_arguments(settings, setting, read_only=read_only)
    size = settings.threads + POOL_SPARE
    kept = {"stale_timeout": KEPT_SECONDS, "timeout": POOL_WAIT_SECONDS, "max_connections": size}
    return url, options | kept


def _postgres_arguments(
    settings: Settings, setting: str = "database_url", *, read_only: bool
) -> tuple[str, dict[str, Any]]:
    """The URL, which psycopg parses and unquotes itself, and the arguments of a PostgresSession."""
    given = getattr(settings, setting)
    if find_spec("psycopg") is None:
        raise InvalidSettings(f"{_variable(setting)} needs psycopg: install glyphd[postgres]")
    session = _SESSION | ({"default_transaction_read_only": "on"} if read_only else {})
    url = "postgresql://" + given.partition("://")[2]
    said = _said_in(url, setting)
    client = {name: value for name, value in _CLIENT.items() if name not in said}
    return url, client | {"prefer_psycopg3": True, "session": session}


def _said_in(url: str, setting: str) -> dict[str, Any]:
    """The parameters of the URL, as psycopg reads them."""
    from psycopg import ProgrammingError, conninfo

    try:
        return dict(conninfo.conninfo_to_dict(url))
    except ProgrammingError as error:
        said = scrubbed(" ".join(str(error).split()), url)
        raise InvalidSettings(f"{_variable(setting)} can't be read: {said}") from None


def _variable(setting: str) -> str:
    return f"GLYPHD_{setting.upper()}"
