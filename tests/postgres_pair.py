"""A PostgreSQL primary with a hot standby for the tests, and the failover from one to the other."""

import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.e2e.processes import until
from tests.postgres_server import PostgresServer, server_folder

SYNCHRONOUS = "ANY 1 (*)"
RECOVERY = "SELECT pg_is_in_recovery()"
PROMOTION_SECONDS = 60


@dataclass(frozen=True)
class Places:
    """The addresses of the two servers, either of which may be the primary. Clients find out which
    one is."""

    first: Path
    second: Path

    def url(self, database: str = "postgres") -> str:
        """The URL for clients that write."""
        return self._of(database, "read-write")

    def read_url(self, database: str = "postgres") -> str:
        """The URL for clients that only read."""
        return self._of(database, "standby")

    def _of(self, database: str, wanted: str) -> str:
        hosts = f"{self.first},{self.second}"
        return f"postgresql://postgres@/{database}?host={hosts}&target_session_attrs={wanted}"


class PostgresPair:
    """The two servers. `options` are the standby's."""

    def __init__(self, places: Places, options: tuple[str, ...], *, is_synchronous: bool) -> None:
        self.places = places
        self._is_synchronous = is_synchronous
        self._options = ("-c", "hot_standby_feedback=on", *options)
        self.primary = PostgresServer(places.first)
        self.primary.start()
        self.standby = self._make_standby(places.second)

    def ask_primary(self, sql: str) -> Any:
        """The first value of the first row."""
        return _ask(self.primary, sql)

    def ask_standby(self, sql: str) -> Any:
        return _ask(self.standby, sql)

    def catch_up(self) -> None:
        """Waits until the standby has replayed everything that is committed now."""
        lsn = self.ask_primary("SELECT pg_current_wal_lsn()")
        until(lambda: self.ask_standby(f"SELECT pg_last_wal_replay_lsn() >= '{lsn}'"))

    def promote(self) -> None:
        """Promotes the standby after the primary has ended; there is then no standby."""
        self.ask_standby("ALTER SYSTEM RESET synchronous_standby_names")
        self.ask_standby("SELECT pg_reload_conf()")
        self.ask_standby(f"SELECT pg_promote(true, {PROMOTION_SECONDS})")
        self.primary, self.standby = self.standby, self.primary

    def renew_standby(self) -> None:
        """Creates a new standby in place of the server that has ended."""
        self.standby = self._make_standby(self.standby.folder)

    def restart_standby(self) -> None:
        self.standby.start(*self._options)

    def stop(self) -> None:
        for server in (self.standby, self.primary):
            server.stop(signal.SIGQUIT)

    def _make_standby(self, folder: Path) -> PostgresServer:
        shutil.rmtree(folder / "data", ignore_errors=True)
        standby = PostgresServer(folder, primary=self.primary)
        standby.start(*self._options)
        if self._is_synchronous:
            self.ask_primary(f"ALTER SYSTEM SET synchronous_standby_names = '{SYNCHRONOUS}'")
            self.ask_primary("SELECT pg_reload_conf()")
            state = "SELECT max(sync_state) FROM pg_stat_replication"
            until(lambda: self.ask_primary(state) == "quorum")
        return standby


@contextmanager
def running_pair(*options: str, is_synchronous: bool = True) -> Iterator[PostgresPair]:
    """A primary and its standby, which are stopped at the end of the block."""
    with ExitStack() as stack:
        places = Places(*(stack.enter_context(server_folder()) for _ in range(2)))
        pair = PostgresPair(places, options, is_synchronous=is_synchronous)
        stack.callback(pair.stop)
        yield pair


def _ask(server: PostgresServer, sql: str) -> Any:
    with psycopg.connect(server.url, autocommit=True) as connection:
        cursor = connection.execute(sql.encode())
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None
