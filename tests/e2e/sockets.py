"""Clients with hand-written HTTP, as slow as a test needs."""

import socket
from urllib.parse import urlsplit

from tests.e2e.processes import PATIENCE_SECONDS


def connect(address: str) -> socket.socket:
    parts = urlsplit(address)
    return socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE_SECONDS)


def begin_upload(address: str, csv: bytes, sent: int) -> socket.socket:
    """A POST that has sent only `sent` bytes of its body so far."""
    client = connect(address)
    head = (
        "POST /api/import HTTP/1.1\r\nHost: test\r\nContent-Type: "
        f"text/csv\r\nContent-Length: {len(csv)}\r\n"
    )
    client.sendall(
        head.encode() + b"Prefer: respond-async\r\nConnection: close\r\n\r\n" + csv[:sent]
    )
    return client


def begin_download(address: str, path: str) -> socket.socket:
    """A GET whose answer is not read yet; most of it can't be sent because of the small buffer."""
    parts = urlsplit(address)
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(PATIENCE_SECONDS)
    client.connect((parts.hostname, parts.port))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode())
    return client


def read_all(client: socket.socket) -> tuple[int, bytes]:
    """The status and the body of the answer, read until the connection is closed."""
    received = bytearray()
    with client:
        while block := client.recv(65536):
            received += block
    head, _, body = bytes(received).partition(b"\r\n\r\n")
    assert head, "the connection ended without an answer"
    return int(head.split()[1]), body
