"""`python -m bench.load_client`: sends GETs over several connections. Each sends its next request
when it has received its answer.

Reads one line of JSON from stdin, a `Job`, and prints what it measured. It is small on purpose: it
shares the machine with the server that it measures, so it parses no more of HTTP than it must.
"""

import asyncio
import json
import re
import sys
import time
from dataclasses import asdict, dataclass, field
from itertools import cycle
from typing import Any

_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: *close\r\n", re.IGNORECASE)
_LAST_CHUNK = b"\r\n0\r\n\r\n"


@dataclass(frozen=True)
class Job:
    """`requests` are paths with their headers, `expected` is the status of every answer. If
    `seconds` is None, the job runs until stdin ends."""

    port: int
    requests: list[tuple[str, dict[str, str]]]
    expected: int = 200
    connections: int = 8
    warmup_seconds: float = 1
    seconds: float | None = None


@dataclass
class Measured:
    """Latencies and the duration of the run in seconds, without the warm-up, and the client's own
    load as a fraction of a core."""

    latencies: list[float] = field(default_factory=list)
    seconds: float = 0
    client_load: float = 0


class Run:
    """What the connections share: when to count, when to stop, and what they measured."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.is_over = False
        self.latencies: list[float] = []
        self.texts = cycle(_text(path, headers) for path, headers in job.requests)
        self._counts_from = time.perf_counter() + job.warmup_seconds

    async def carry_out(self) -> Measured:
        loop = asyncio.get_running_loop()
        if self.job.seconds is None:
            loop.add_reader(sys.stdin.fileno(), self._stop)
        else:
            loop.call_later(self.job.warmup_seconds + self.job.seconds, self._stop)
        connections = [Connection(self) for _ in range(self.job.connections)]
        await asyncio.gather(*(connection.open() for connection in connections))
        await asyncio.gather(*(connection.ended for connection in connections))
        seconds = time.perf_counter() - self._counts_from
        return Measured(
            self.latencies, seconds, time.process_time() / (seconds + self.job.warmup_seconds)
        )

    def record(self, answer: bytearray, latency: float) -> None:
        status = _STATUS.match(answer)
        if status is None or int(status[1]) != self.job.expected:
            raise SystemExit(f"unexpected answer: {bytes(answer[:300])!r}")
        if time.perf_counter() >= self._counts_from:
            self.latencies.append(latency)

    def _stop(self) -> None:
        self.is_over = True


class Connection(asyncio.Protocol):
    """One keep-alive connection. All connections take their requests from one list, which
    repeats."""

    _transport: asyncio.Transport
    _opening: asyncio.Task[None]

    def __init__(self, run: Run) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._run = run
        self._received = bytearray()
        self._began = time.perf_counter()
        self._waits = True

    async def open(self) -> None:
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: self, "127.0.0.1", self._run.job.port
            )
        except OSError as error:
            self.ended.set_exception(error)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not is_complete(self._received):
            return
        self._run.record(self._received, time.perf_counter() - self._began)
        closes = _CLOSES.search(self._received, 0, self._received.find(b"\r\n\r\n") + 2) is not None
        self._received.clear()
        self._began = time.perf_counter()
        self._waits = False
        if closes or self._run.is_over:
            self._transport.close()
        else:
            self._send()

    def connection_lost(self, exception: Exception | None) -> None:
        """If the server closes the connection after its answer, the time to reconnect counts
        towards the next answer."""
        if self._waits:
            self.ended.set_exception(
                exception or ConnectionError("the server closed the connection")
            )
        elif self._run.is_over:
            self.ended.set_result(None)
        else:
            self._opening = asyncio.get_running_loop().create_task(self.open())

    def _send(self) -> None:
        self._waits = True
        self._transport.write(next(self._run.texts))


def is_complete(received: bytearray) -> bool:
    """Whether this is a complete answer: by its length, its last chunk, or because it has no
    body."""
    end_of_head = received.find(b"\r\n\r\n")
    if end_of_head < 0:
        return False
    length = _LENGTH.search(received, 0, end_of_head)
    if length is not None and not received.startswith(b"HTTP/1.1 304"):
        return len(received) >= end_of_head + 4 + int(length[1])
    return received.startswith(b"HTTP/1.1 304") or received.endswith(_LAST_CHUNK)


def _text(path: str, headers: dict[str, str]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}\r\n".encode()


def main() -> None:
    given: dict[str, Any] = json.loads(sys.stdin.readline())
    print(json.dumps(asdict(asyncio.run(Run(Job(**given)).carry_out()))))


if __name__ == "__main__":
    main()
