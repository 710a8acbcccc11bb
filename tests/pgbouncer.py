"""Debian's PgBouncer in front of a PostgreSQL server of the tests."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg

from tests.server_process import ServerProcess, free_port, installed

_CONFIGURATION = """
[databases]
* = host={host} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
max_client_conn = 200
default_pool_size = 50
"""


class PgBouncer(ServerProcess):
    """A PgBouncer for the database of this URL; `url` is the same database through it."""

    def __init__(self, folder: Path, url: str, mode: str) -> None:
        super().__init__(folder)
        parts, port = urlsplit(url), free_port()
        (host,) = parse_qs(parts.query)["host"]
        self.url = f"postgresql://postgres@127.0.0.1:{port}{parts.path}"
        self._file = folder / "pgbouncer.ini"
        self._file.write_text(_CONFIGURATION.format(host=host, port=port, mode=mode))
        folder.chmod(0o755)

    def command(self) -> list[str]:
        return [installed("pgbouncer"), "-q", str(self._file)]

    def owner(self) -> dict[str, Any]:
        """The user to run as, because it refuses to run as root."""
        return {"user": "nobody"} if os.geteuid() == 0 else {}

    def answers(self) -> bool:
        with suppress(psycopg.OperationalError):
            psycopg.connect(self.url).close()
            return True
        return False


@contextmanager
def pooled(url: str, mode: str) -> Iterator[str]:
    """The URL of the same database through a PgBouncer with this `pool_mode`."""
    with TemporaryDirectory(prefix="glyphd-pgbouncer-", dir="/tmp") as name:
        server = PgBouncer(Path(name), url, mode)
        try:
            server.start()
            yield server.url
        finally:
            server.kill()
