"""Small apps for the server, each with one behaviour of a real app."""

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO
from wsgiref.types import StartResponse, WSGIEnvironment

BLOCK = b"x" * 65536
LARGE = 48 << 20  # more than the kernel and waitress together buffer for a reader


def counting(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Reads the whole body and answers with its length."""
    size = sum(len(block) for block in iter(lambda: environ["wsgi.input"].read(1 << 20), b""))
    return _said(start_response, str(size).encode())


def broken(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    raise RuntimeError(f"the secret lies in {__file__}")


class Holding:
    """Answers a request only after it is released."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.let_go = threading.Event()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.asked.set()
        self.let_go.wait(30)
        return _said(start_response, b"held")


class Sending:
    """Sends `size` bytes for /file and /stream; answers any other path at once, and briefly."""

    def __init__(self, folder: Path, size: int) -> None:
        self._file = folder / "large"
        self._file.write_bytes(BLOCK * (size // len(BLOCK)))
        self.size = self._file.stat().st_size
        self.opened: list[BinaryIO] = []

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/file":
            start_response("200 OK", [("Content-Length", str(self.size))])
            self.opened.append(self._file.open("rb"))
            return environ["wsgi.file_wrapper"](self.opened[-1], 65536)  # type: ignore[no-any-return]
        if environ["PATH_INFO"] == "/stream":
            start_response("200 OK", [])
            return self._stream()
        return _said(start_response, b"little")

    def _stream(self) -> Iterator[bytes]:
        for _ in range(self.size // len(BLOCK)):
            yield BLOCK


def _said(start_response: StartResponse, body: bytes) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
