"""Debian's PgBouncer before a PostgreSQL server of the tests."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

START_SECONDS = 60
_WITH_SBIN = os.environ.get("PATH", "") + ":/usr/sbin"
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


@contextmanager
def pooled(url: str, mode: str) -> Iterator[str]:
    """The URL of the same database through a PgBouncer with this `pool_mode`."""
    parts = urlsplit(url)
    (host,) = parse_qs(parts.query)["host"]
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        port = tried.getsockname()[1]
    with TemporaryDirectory(prefix="glyphd-pgbouncer-", dir="/tmp") as name:
        file = Path(name) / "pgbouncer.ini"
        file.write_text(_CONFIGURATION.format(host=host, port=port, mode=mode))
        file.parent.chmod(0o755)
        # It refuses to run as root.
        user = "nobody" if os.geteuid() == 0 else None
        with (Path(name) / "log").open("ab") as log:
            process = subprocess.Popen(
                [_program(), "-q", str(file)], stdout=log, stderr=log, user=user
            )
        try:
            through = f"postgresql://postgres@127.0.0.1:{port}{parts.path}"
            _await(process, through, Path(name) / "log")
            yield through
        finally:
            process.kill()
            process.wait()


def _await(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        with suppress(psycopg.OperationalError):
            psycopg.connect(url).close()
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(log.read_text()[-2000:])
        time.sleep(0.02)


def _program() -> str:
    """Where it is installed. Without it the test is skipped, and fails in CI."""
    path = shutil.which("pgbouncer", path=_WITH_SBIN)
    if path is None:
        missing = "pgbouncer is not installed (Debian: apt-get install pgbouncer)"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return path
