"""The attackers' connections: raw bytes and slow reading."""

import http.client
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import Any

HOST = "127.0.0.1"
CONNECT_SECONDS = 5.0
PAUSE_SECONDS = 0.05


@dataclass(frozen=True)
class Target:
    """Where the service listens, an import that succeeded, one that has row errors, and when to
    stop."""

    port: int
    import_id: str
    failed_id: str
    deadline: float

    @property
    def is_on(self) -> bool:
        return time.monotonic() < self.deadline

    def connect(self) -> socket.socket:
        return socket.create_connection((HOST, self.port), CONNECT_SECONDS)

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> None:
        """Sends one request, and reads and discards its answer."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=30)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body, named)
            connection.getresponse().read()
        finally:
            connection.close()


def repeat(target: Target, count: int, deed: Callable[[], None]) -> None:
    """Repeats `deed` in `count` threads until the attack is over. A refused request does not stop
    it."""

    def go_on() -> None:
        while target.is_on:
            with suppress(OSError, http.client.HTTPException):
                deed()
            time.sleep(PAUSE_SECONDS)

    threads = [Thread(target=go_on, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, target.deadline - time.monotonic()))


def read_slowly(target: Target, connection: socket.socket, size: int, pause: float) -> None:
    """Reads `size` bytes at a time until the attack is over or the server closes the connection."""
    connection.settimeout(1)
    while target.is_on:
        with suppress(TimeoutError):
            if not connection.recv(size):
                return
        time.sleep(pause)


def write_slowly(target: Target, connection: socket.socket, data: bytes, pause: float) -> None:
    while target.is_on:
        connection.sendall(data)
        time.sleep(pause)


def get(path: str, method: str = "GET") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def post(path: str, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", *headers]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()
