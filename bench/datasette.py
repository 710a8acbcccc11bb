"""Datasette as a peer for queries."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.client import Client
from bench.peers import program

START_SECONDS = 60
POLL_SECONDS = 0.1
SETTINGS = {"max_returned_rows": "1000", "suggest_facets": "off", "allow_facet": "off"}


@contextmanager
def running_datasette(database: Path) -> Iterator[int]:
    """Serves this file, which must not change meanwhile; yields the port."""
    port = _free_port()
    settings = [word for name, value in SETTINGS.items() for word in ("--setting", name, value)]
    command = [
        program("datasette"),
        "serve",
        "--immutable",
        str(database),
        "--port",
        str(port),
        *settings,
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as popen:
        try:
            _wait_until_up(port, popen)
            yield port
        finally:
            popen.terminate()


def _free_port() -> int:
    """A free port. Datasette does not print which port it chose, so we choose one for it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_until_up(port: int, popen: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _answers(port):
        assert popen.poll() is None, "Datasette ended"
        assert time.monotonic() < deadline, "Datasette did not start"
        time.sleep(POLL_SECONDS)


def _answers(port: int) -> bool:
    try:
        with Client(port) as client:
            return client.get("/-/versions.json").status == 200
    except OSError:
        return False
