"""Sends ordinary requests during an attack, and measures how long they take and what the service
uses."""

import http.client
import math
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import psutil

from glyphd.settings import MIB
from tests.attacks.wires import HOST
from tests.chaos.keeping import Keeper

GIVE_UP_SECONDS = 10.0
HEALTH_SECONDS, HEALTH_PAUSE = 1.0, 0.1
SERVED_SECONDS, SERVED_PAUSE = 5.0, 0.5
MEMORY_BYTES = 400 * MIB
FURTHER_BYTES = 120 * MIB
"""What each API process beyond the first may add to `MEMORY_BYTES`."""
LOOK_SECONDS = 0.2
SERVED = (200, 202, 503)
SMALL_CSV = b"model,price_usd,score\n" + b"RTX_4090,1000,0.5\n" * 55
LARGE_CSV = b"model,price_usd,score,note\n" + b"RTX_4090,1000,0.5,%b\n" % (b"x" * 3000) * 350
LARGE_PAUSE = 2.0


@dataclass
class Measured:
    """Seconds that each kind of request took, infinite without a proper answer; the peak memory and
    the least free disk space, in bytes."""

    health: list[float] = field(default_factory=list)
    uploads: list[float] = field(default_factory=list)
    pages: list[float] = field(default_factory=list)
    memory: int = 0
    free: int = 2**63
    refused: int = 0
    """Small uploads that were answered with 503."""
    large: int = 0
    large_refused: int = 0
    """Uploads that need a place, and how many of them were answered with 503."""

    def broken(self, reserve: int, processes: int = 1) -> list[str]:
        """Sentences about the bounds that were exceeded, for a service with this many API
        processes."""
        most_memory = MEMORY_BYTES + (processes - 1) * FURTHER_BYTES
        checks = {
            f"health took {percentile(self.health):.2f} s (p99)": percentile(self.health)
            > HEALTH_SECONDS,
            f"an upload took {max(self.uploads):.2f} s": max(self.uploads) > SERVED_SECONDS,
            f"a page took {max(self.pages):.2f} s": max(self.pages) > SERVED_SECONDS,
            f"memory rose to {self.memory // MIB} MiB": self.memory > most_memory,
            f"only {self.free // MIB} MiB of disk were left": self.free < reserve,
        }
        return [sentence for sentence, is_broken in checks.items() if is_broken]


@contextmanager
def measuring(port: int, keepers: list[Keeper], disk: Path) -> Iterator[Measured]:
    """Sends requests and takes samples for the length of the block."""
    measured, ended = Measured(), Event()

    def sample() -> None:
        measured.memory = max(measured.memory, sum(map(memory_of, keepers)))
        measured.free = min(measured.free, shutil.disk_usage(disk).free)

    def upload() -> None:
        seconds, status = answer_of(port, "POST", "/api/import", SMALL_CSV)
        measured.uploads.append(seconds if status in SERVED else math.inf)
        measured.refused += status == 503

    def upload_large() -> None:
        _, status = answer_of(port, "POST", "/api/import", LARGE_CSV)
        measured.large += 1
        measured.large_refused += status == 503

    deeds: list[tuple[Callable[[], object], float]] = [
        (lambda: measured.health.append(ask(port, "GET", "/api/health", (200,))), HEALTH_PAUSE),
        (upload, SERVED_PAUSE),
        (upload_large, LARGE_PAUSE),
        (
            lambda: measured.pages.append(ask(port, "GET", "/api/listings?limit=10", SERVED)),
            SERVED_PAUSE,
        ),
        (sample, LOOK_SECONDS),
    ]
    with ThreadPoolExecutor(len(deeds)) as pool:
        futures = [pool.submit(_go_on, deed, pause, ended) for deed, pause in deeds]
        try:
            yield measured
        finally:
            ended.set()
        for future in futures:
            future.result()  # an aborted measurement must not count as a success


def ask(
    port: int, method: str, path: str, expected: tuple[int, ...], body: bytes | None = None
) -> float:
    """Seconds until the whole answer has arrived; infinite if there is none or its status is not
    expected."""
    seconds, status = answer_of(port, method, path, body)
    return seconds if status in expected else math.inf


def answer_of(port: int, method: str, path: str, body: bytes | None = None) -> tuple[float, int]:
    """Seconds until the whole answer has arrived, and its status; infinite and 0 if there is
    none."""
    connection = http.client.HTTPConnection(HOST, port, timeout=GIVE_UP_SECONDS)
    began = time.monotonic()
    try:
        connection.request(method, path, body, {"Content-Type": "text/csv"} if body else {})
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return math.inf, 0
    finally:
        connection.close()
    return time.monotonic() - began, answer.status


def memory_of(keeper: Keeper) -> int:
    """Resident bytes of a process and all its children, with shared pages counted once."""
    total = 0
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(keeper.pid)
        for process in (root, *root.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                total += process.memory_full_info().pss
    return total


def percentile(seconds: list[float], share: float = 0.99) -> float:
    return sorted(seconds)[math.ceil(len(seconds) * share) - 1]


def _go_on(deed: Callable[[], object], pause: float, ended: Event) -> None:
    while True:
        deed()
        if ended.wait(pause):
            return
