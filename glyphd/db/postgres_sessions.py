"""Connections to PostgreSQL: one at a time or from a pool, each with the session that glyphd
needs."""

from importlib.util import find_spec
from typing import Any

from peewee import Database, OperationalError, PostgresqlDatabase
from playhouse.pool import MaxConnectionsExceeded, PooledPostgresqlDatabase

from glyphd.database_urls import scrubbed
from glyphd.errors import InvalidSettings, NotReady, Unavailable
from glyphd.settings import Settings

POOL_WAIT_SECONDS = 2
POOL_SPARE = 2

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

_TRANSACTION_TIMEOUT_VERSION = 170000
"""Older servers refuse a connection that sets `transaction_timeout`."""


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
    """PostgreSQL with connections kept for the next caller. Raises Unavailable if all of them stay
    in use."""

    def connect(self, reuse_if_open: bool = False) -> bool:
        try:
            return bool(super().connect(reuse_if_open))
        except MaxConnectionsExceeded:
            raise Unavailable("all connections to the database are in use") from None


def open_postgres(settings: Settings) -> Database:
    """A plain connection to PostgreSQL, without a pool. Raises InvalidSettings when psycopg is not
    installed."""
    url, options = _postgres_arguments(settings, read_only=False)
    return PostgresSession(url, **options)


def open_pool(settings: Settings, *, read_only: bool) -> PostgresPool:
    url, options = _postgres_arguments(settings, read_only=read_only)
    size = settings.threads + POOL_SPARE
    return PostgresPool(url, max_connections=size, timeout=POOL_WAIT_SECONDS, **options)


def _postgres_arguments(settings: Settings, *, read_only: bool) -> tuple[str, dict[str, Any]]:
    """The URL, which psycopg parses and unquotes itself, and the options of the session."""
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
