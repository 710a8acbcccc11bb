"""Requests a server's health repeatedly, and prints the longest time: `python -m
tests.server.probing PORT SECONDS`

It is a separate process, because the clients of a test compete for Python's lock, which would make
answers seem late.
"""

import socket
import sys
import time

_HEALTH = b"GET /api/health HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"


def longest(port: int, seconds: float) -> float:
    found, until = 0.0, time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
            client.sendall(_HEALTH)
            if not client.recv(4096).startswith(b"HTTP/1.1 200"):
                raise RuntimeError("the server is not well")
        found = max(found, time.monotonic() - began)
    return found


if __name__ == "__main__":
    print(longest(int(sys.argv[1]), float(sys.argv[2])))  # noqa: T201
