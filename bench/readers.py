"""A hundred readers of one whole result, each at one megabyte per second, against one reader."""

import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from bench.client import Client
from bench.plan import Plan
from bench.samples import Result, Sample, at_most, mebibytes, milliseconds, percentile
from bench.service import Running, running_service

READERS = 100
BYTES_PER_SECOND = 1_000_000
SECONDS = 20
TICK_SECONDS = 0.1
MIB = 1 << 20
PATH = "/api/listings?format=json"


def measure(plan: Plan) -> list[Result]:
    with plan.market() as folder, running_service(folder) as service, service.client() as client:
        size = client.drain(PATH)
        alone = [client.seconds_for("/api/health") for _ in range(50)]
        with ExitStack() as stack:
            readers = [stack.enter_context(_reader(service.port)) for _ in range(READERS)]
            meanwhile = _read_on(readers, client, max(2, SECONDS * plan.scale))
            files, held = _scratch(service)
        return _results(size, files, held, (alone, meanwhile), service.peak_mib(worker=False))


def _results(
    size: int, files: int, held: int, health: tuple[list[float], list[float]], peak: float
) -> list[Result]:
    alone, meanwhile = (percentile(seconds, 99) for seconds in health)
    one = Sample((1,), "file")
    return [
        Result(
            f"temporary files of {READERS} readers",
            Sample((files,), "file"),
            "one",
            one,
            at_most(1),
        ),
        Result(
            "… their size",
            mebibytes(held / MIB),
            "the result",
            mebibytes(size / MIB),
            at_most(1.01),
        ),
        Result(
            "`/api/health` meanwhile, p99",
            milliseconds([meanwhile]),
            "alone",
            milliseconds([alone]),
        ),
        Result("API's peak memory", mebibytes(peak), "the result", mebibytes(size / MIB)),
    ]


def _reader(port: int) -> socket.socket:
    """A connection that has requested the result, with a small receive buffer of its own."""
    reader = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 128 * 1024)
    reader.connect(("127.0.0.1", port))
    reader.sendall(f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    reader.setblocking(False)
    return reader


def _read_on(readers: Sequence[socket.socket], client: Client, seconds: float) -> list[float]:
    """Reads from all connections at their rate for `seconds`; returns how many seconds each request
    for `/api/health` took meanwhile."""
    health, ends = [], time.monotonic() + seconds
    while (now := time.monotonic()) < ends:
        health.append(client.seconds_for("/api/health"))
        for reader in readers:
            with suppress(BlockingIOError):
                reader.recv(int(BYTES_PER_SECOND * TICK_SECONDS))
        time.sleep(max(0, now + TICK_SECONDS - time.monotonic()))
    return health


def _scratch(service: Running) -> tuple[int, int]:
    """How many temporary files the API has open, and their size in bytes."""
    sizes = {}
    for link in Path(f"/proc/{service.process.pid}/fd").iterdir():
        with suppress(OSError):
            if "/gpu.tmp/" in str(link.readlink()):
                found = link.stat()
                sizes[found.st_ino] = found.st_size
    return len(sizes), sum(sizes.values())
