"""A real server in a thread, and the client's end of its connections."""

import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPResponse
from io import BufferedReader
from typing import Any, cast
from wsgiref.types import WSGIApplication

from glyphd.listener import listen
from glyphd.server import Rules, ServerLimits, run_server
from glyphd.server.admission import NO_RULES

LIMIT_SECONDS = 10.0
GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    body: bytes


def wait_until(condition: Callable[[], bool], limit: float = LIMIT_SECONDS) -> None:
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def post(size: int, *headers: str) -> bytes:
    """The head of a POST with a body of this many bytes."""
    lines = ["POST / HTTP/1.1", "Host: test", f"Content-Length: {size}", *headers]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()


def post_chunks(*chunks: bytes) -> bytes:
    """A whole POST in chunks."""
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in [*chunks, b""])
    return b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n" + body


class _UpToTheEnd:
    """A connection that is read only to the end of its next answer, because another one may follow
    in the same packet."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def makefile(self, _mode: str) -> BufferedReader:
        return self._connection.makefile("rb", buffering=1)


def read_answer(connection: socket.socket, method: str = "GET") -> Answer:
    """The next answer, complete; an interim 100 is skipped."""
    with HTTPResponse(cast(socket.socket, _UpToTheEnd(connection)), method=method) as response:
        response.begin()
        return Answer(response.status, cast(Message, response.headers), response.read())


def read_to_the_end(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def is_closed(connection: socket.socket) -> bool:
    """Whether the server has closed an otherwise silent connection."""
    connection.settimeout(0.01)
    try:
        return connection.recv(65536) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


class RunningServer:
    """A server in a thread of its own. `stop` is what a signal handler sets."""

    def __init__(
        self,
        app: WSGIApplication,
        limits: ServerLimits,
        on_ready: Callable[["RunningServer"], None] | None = None,
        rules: Rules = NO_RULES,
    ) -> None:
        self.stop = threading.Event()
        self.host, self.port = "", 0
        self._ready = threading.Event()
        self._on_ready = on_ready
        self._rules = rules
        self._thread = threading.Thread(target=self._run, args=(app, limits), daemon=True)
        self._thread.start()
        assert self._ready.wait(LIMIT_SECONDS)

    def _run(self, app: WSGIApplication, limits: ServerLimits) -> None:
        with listen(limits.host, limits.port) as listener:
            run_server(
                app, limits, listener, on_ready=self._note, stop=self.stop, rules=self._rules
            )

    def _note(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        if self._on_ready:
            self._on_ready(self)
        self._ready.set()

    def connect(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout=LIMIT_SECONDS)

    def ask(self, sent: bytes, method: str = "GET") -> Answer:
        """The answer to a request on its own connection."""
        with self.connect() as connection:
            connection.sendall(sent)
            return read_answer(connection, method)

    def refuses_connections(self) -> bool:
        try:
            self.connect().close()
        except ConnectionError:
            return True
        return False

    @property
    def has_returned(self) -> bool:
        return not self._thread.is_alive()

    def finish(self) -> None:
        self.stop.set()
        self._thread.join(LIMIT_SECONDS)
        assert self.has_returned


Serve = Callable[..., RunningServer]


def problem_of(answer: Answer) -> dict[str, Any]:
    """The problem document of a refusal; also checks its form."""
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Request-Id"]
    problem = json.loads(answer.body)
    assert problem["status"] == answer.status
    assert {"type", "title", "detail", "code"} <= set(problem)
    return cast(dict[str, Any], problem)
