"""Servers that fail as a test says: one with scripted answers, one between client and service."""

import json
import select
import socket
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseRequestHandler, TCPServer, ThreadingTCPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

BLOCK_BYTES = 65536


@dataclass(frozen=True)
class Scripted:
    """One answer; with status 0 the connection is closed without one."""

    status: int
    body: Mapping[str, Any] | bytes = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Received:
    """One request as it arrived."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class _Server:
    """A server in a thread, stopped at the end of a `with`."""

    server: TCPServer

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.server.shutdown()
        self.server.server_close()


class Stub(_Server):
    """Answers with what is in `script`, one a request; the last one for all that follow."""

    def __init__(self) -> None:
        self.script: deque[Scripted] = deque()
        self.received: list[Received] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    def answer(self, *answers: Scripted) -> None:
        self.script.extend(answers)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                stub.received.append(Received(self.command, self.path, dict(self.headers), body))
                script = stub.script
                answer = script.popleft() if len(script) > 1 else script[0]
                self.close_connection = True
                if not answer.status:
                    return
                self.send_response(answer.status)
                length = {"Content-Length": str(len(answer.content())), "Connection": "close"}
                for name, value in {**length, **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.content())

            do_POST = do_GET  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        return Handler


class Wire(_Server):
    """Passes bytes between client and service, and lets a test cut in.

    `on_sent` gets the number of bytes of each connection that went to the service so far.
    `passes` gets each block of an answer, and says whether the client may have it; if not, the
    connection is cut.
    """

    def __init__(self, target: str) -> None:
        self.target = urlsplit(target)
        self.connections = 0
        self.on_sent: Callable[[int], None] = lambda _bytes: None
        self.passes: Callable[[bytes], bool] = lambda _block: True
        server = ThreadingTCPServer(("127.0.0.1", 0), self._handler())
        server.daemon_threads = True
        self.server = server

    def _handler(self) -> type[BaseRequestHandler]:
        wire = self

        class Handler(BaseRequestHandler):
            def handle(self) -> None:
                wire.connections += 1
                try:
                    there = (wire.target.hostname, wire.target.port)
                    with socket.create_connection(there) as service:
                        wire.relay(self.request, service)
                except OSError:
                    pass

        return Handler

    def relay(self, client: socket.socket, service: socket.socket) -> None:
        """Until either side closes, or a block may not pass."""
        sent = 0
        while True:
            ready, _, _ = select.select([client, service], [], [])
            for side in ready:
                block = side.recv(BLOCK_BYTES)
                if not block or (side is service and not self.passes(block)):
                    return
                (service if side is client else client).sendall(block)
                if side is client:
                    sent += len(block)
                    self.on_sent(sent)
