"""Clients that speak HTTP by hand, as slowly as a test wants."""

import socket
from urllib.parse import urlsplit

from tests.e2e.processes import PATIENCE_SECONDS


def connect(address: str) -> socket.socket:
    parts = urlsplit(address)
    return socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE_SECONDS)


def begin_upload(address: str, csv: bytes, sent: int) -> socket.socket:
    """A POST of which only so many bytes of the body are sent yet."""
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
    """A GET whose answer is not read yet; the small buffer keeps most of it from being sent."""
    parts = urlsplit(address)
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(PATIENCE_SECONDS)
    client.connect((parts.hostname, parts.port))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode())
    return client


def read_all(client: socket.socket) -> tuple[int, bytes]:
    """Status and body of the answer, read to the end of the connection."""
    received = bytearray()
    with client:
        while block := client.recv(65536):
            received += block
    head, _, body = bytes(received).partition(b"\r\n\r\n")
    assert head, "the connection ended without an answer"
    return int(head.split()[1]), body
