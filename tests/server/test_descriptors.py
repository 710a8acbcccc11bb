"""A process without free file descriptors waits, logs this once, and continues as soon as it
can."""

import errno
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path

import psutil
import pytest
from structlog.testing import capture_logs

from glyphd.server.doorway import Doorway
from tests.server.wire import GET, LIMIT_SECONDS, Serve, is_closed, read_answer, wait_until

HOLD = GET.replace(b"/ ", b"/hold ")
LOOK_SECONDS = 1.0
START_SECONDS = 60.0


@dataclass(frozen=True)
class Server:
    """A server in a separate process, and its log."""

    popen: "subprocess.Popen[str]"
    port: int
    log: Path

    def connect(self, sent: bytes) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), LIMIT_SECONDS)
        connection.sendall(sent)
        return connection

    def said(self, event: str) -> int:
        """How many lines name the event."""
        return sum(event in line for line in self.log.read_text().splitlines())

    @contextmanager
    def out_of_descriptors(self) -> Iterator[None]:
        """The server can't open any more files during the block."""
        used = {int(path.name) for path in Path(f"/proc/{self.popen.pid}/fd").iterdir()}
        lowest = next(number for number in count() if number not in used)
        before = resource.prlimit(self.popen.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.popen.pid, resource.RLIMIT_NOFILE, (lowest, before[1]))
        try:
            yield
        finally:
            resource.prlimit(self.popen.pid, resource.RLIMIT_NOFILE, before)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    log = tmp_path / "log"
    command = [sys.executable, "-m", "tests.server.keeping", str(tmp_path), "5"]
    with (
        log.open("w") as opened,
        subprocess.Popen(command, stdout=opened, stderr=opened, text=True) as popen,
    ):
        try:
            wait_until(lambda: log.read_text().endswith("\n"), START_SECONDS)
            yield Server(popen, int(log.read_text()), log)
        finally:
            popen.kill()


def test_an_idle_connection_gives_its_descriptor_to_a_new_one(server: Server) -> None:
    with server.connect(GET) as idle:
        assert read_answer(idle).status == 200
        with server.out_of_descriptors(), server.connect(GET) as latest:
            assert read_answer(latest).status == 200
            wait_until(lambda: is_closed(idle))


def test_where_none_is_idle_a_new_one_waits_and_one_line_is_logged(server: Server) -> None:
    with server.connect(HOLD):
        wait_until(lambda: len(psutil.Process(server.popen.pid).net_connections()) > 1)
        with server.out_of_descriptors():
            latest = server.connect(GET)
            wait_until(lambda: server.said("out_of_descriptors") > 0)
            before = _processor_seconds(server)
            time.sleep(LOOK_SECONDS)
            spent = _processor_seconds(server) - before
        with latest:
            assert read_answer(latest).status == 200
    assert server.said("out_of_descriptors") == 1
    assert server.said("Traceback") == 0
    assert spent < LOOK_SECONDS / 4


def _processor_seconds(server: Server) -> float:
    times = psutil.Process(server.popen.pid).cpu_times()
    return times.user + times.system


@pytest.mark.parametrize(
    ("number", "event"),
    [(errno.EMFILE, "out_of_descriptors"), (errno.ENOBUFS, "connection_not_accepted")],
)
def test_it_rests_before_it_tries_again_and_says_so_once(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, number: int, event: str
) -> None:
    tries: list[float] = []

    def accept(_: Doorway) -> None:
        tries.append(time.monotonic())
        raise OSError(number, os.strerror(number))

    server = serve()
    with capture_logs() as logged:
        monkeypatch.setattr(Doorway, "accept", accept)
        with server.connect():
            wait_until(lambda: len(tries) > 3)
    assert [line["event"] for line in logged] == [event]
    assert all(later - earlier > 0.09 for earlier, later in pairwise(tries))
