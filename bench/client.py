"""A client that sends one request after another over one connection, as a script would."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

PATIENCE_SECONDS = 600
BLOCK_BYTES = 1024 * 1024
BOUNDARY = "bench-b9e1b6f0"


class Refused(Exception):
    """An answer with an unexpected status, so that the measurement can't continue."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: HTTPMessage
    body: bytes


class Client:
    """An HTTP connection to one port of this machine."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection(
            "127.0.0.1", port, timeout=PATIENCE_SECONDS, blocksize=BLOCK_BYTES
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        self._connection.request("GET", path, headers=dict(headers or {}))
        return self._answer()

    def get_ok(self, path: str) -> Answer:
        """The answer, if it is a 200; raises Refused otherwise."""
        return _required(self.get(path), path, 200)

    def get_object(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.get_ok(path).body)
        return found

    def get_array(self, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.get_ok(path).body)
        return found

    def seconds_to_first_byte(self, path: str, headers: Mapping[str, str]) -> float:
        """Seconds until a 200 begins to arrive."""
        began = time.perf_counter()
        self._connection.request("GET", path, headers=dict(headers))
        answer = self._connection.getresponse()
        taken = time.perf_counter() - began
        _required(Answer(answer.status, answer.headers, answer.read()), path, 200)
        return taken

    def seconds_for(self, path: str) -> float:
        """Seconds until a 200 has arrived."""
        began = time.perf_counter()
        self.get_ok(path)
        return time.perf_counter() - began

    def drain(self, path: str) -> int:
        """Reads a large answer and discards it; returns its size in bytes."""
        self._connection.request("GET", path)
        answer = self._connection.getresponse()
        if answer.status != 200:
            raise Refused(f"{path}: {answer.status}")
        return sum(len(block) for block in iter(lambda: answer.read(BLOCK_BYTES), b""))

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
        """Sends a CSV as a raw body; returns the status in the 202."""
        self._connection.request("POST", path, body, {"Content-Type": "text/csv", **headers})
        return self._accepted(path)

    def post_file(self, path: str, file: Path, headers: Mapping[str, str]) -> dict[str, Any]:
        """Like `post`, but with a file."""
        named = {"Content-Type": "text/csv", "Content-Length": str(file.stat().st_size), **headers}
        with file.open("rb") as body:
            self._connection.request("POST", path, body, named)
        return self._accepted(path)

    def post_form(self, path: str, file: Path, headers: Mapping[str, str]) -> dict[str, Any]:
        """Like `post_file`, but with the file as part `file` of a form."""
        disposition = f'Content-Disposition: form-data; name="file"; filename="{file.name}"'
        head = f"--{BOUNDARY}\r\n{disposition}\r\nContent-Type: text/csv\r\n\r\n".encode()
        tail = f"\r\n--{BOUNDARY}--\r\n".encode()
        named = {
            "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
            "Content-Length": str(len(head) + file.stat().st_size + len(tail)),
            **headers,
        }
        with file.open("rb") as body:
            self._connection.request("POST", path, _framed(head, body, tail), named)
        return self._accepted(path)

    def _accepted(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(_required(self._answer(), path, 202).body)
        return found

    def _answer(self) -> Answer:
        answer = self._connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())


def _framed(head: bytes, body: BinaryIO, tail: bytes) -> Iterator[bytes]:
    yield head
    yield from iter(lambda: body.read(BLOCK_BYTES), b"")
    yield tail


def _required(answer: Answer, path: str, status: int) -> Answer:
    if answer.status != status:
        raise Refused(f"{path}: {answer.status} {answer.body[:300].decode(errors='replace')}")
    return answer
