"""Receivers of webhooks, and a worker's delivery without its process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any

from standardwebhooks.webhooks import Webhook as Verifier

from glyphd.importing.registry import Registry
from worker.webhook_leases import WebhookLeases
from worker.webhook_sending import Manners, Watch
from worker.webhook_turns import Desk, WebhookTurn


@dataclass(frozen=True)
class Request:
    """A request that the receiver got."""

    path: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def event_id(self) -> int:
        return int(self.headers["webhook-id"].removeprefix("evt_"))


@dataclass(frozen=True)
class Reply:
    """The receiver's answer."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    drips: bool = False


Answer = Callable[[Request], Reply]


class Receiver:
    """A server on this machine that records every request, and answers as the test has set."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.accepted: list[int] = []
        self.answer: Answer = lambda request: Reply()
        self._lock = Lock()
        self.url = ""
        self.is_asked = Event()
        self.is_over = Event()

    def handle(self, request: Request) -> Reply:
        self.is_asked.set()
        reply = self.answer(request)
        with self._lock:
            self.requests.append(request)
            if 200 <= reply.status < 300:
                self.accepted.append(request.event_id)
        return reply


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: Any) -> None:
        """Ignores clients that disconnect."""


@contextmanager
def receiving(wrap: Callable[[Any], Any] | None = None) -> Iterator[Receiver]:
    """A receiver that runs until the end of the block. `wrap` replaces its socket."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.path, headers, body, self.client_address[1])
            reply = receiver.handle(request)
            if reply.drips:
                self._drip()
                return
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        def _drip(self) -> None:
            """Sends a header that never ends, a byte at a time."""
            self.close_connection = True
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
            while not receiver.is_over.wait(0.02):
                self.wfile.write(b"x")

        def log_message(self, *_: Any) -> None:
            """Logs nothing."""

    server = _Server(("127.0.0.1", 0), Handler)
    if wrap is not None:
        server.socket = wrap(server.socket)
    scheme = "http" if wrap is None else "https"
    receiver.url = f"{scheme}://127.0.0.1:{server.server_port}/hook"
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield receiver
    finally:
        receiver.is_over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def is_signed(request: Request, secret: str) -> bool:
    """Whether the receiver's library makes the same signature, without a check of the timestamp."""
    moment = datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), UTC)
    made = Verifier(secret).sign(request.headers["webhook-id"], moment, request.body.decode())
    return made == request.headers["webhook-signature"]


@dataclass
class TestClock:
    """A clock that is set by hand."""

    __test__ = False

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


class Deliverer:
    """A worker's handling of webhooks, in the calling thread."""

    def __init__(self, registry: Registry, manners: Manners, clock: TestClock) -> None:
        self.leases = WebhookLeases(registry, clock)
        self.clock = clock
        self.watch = Watch()
        self.is_stopping = False
        self.desk = Desk(
            self.leases, manners, self.watch, clock, lambda: self.is_stopping, lambda cpu: None
        )

    def run(self) -> int:
        """Looks for due webhooks once; returns how many were delivered to."""
        turns = 0
        for webhook_id in self.leases.due():
            lease = self.leases.take(webhook_id)
            if lease is not None:
                WebhookTurn(self.desk, lease).run()
                turns += 1
        return turns
