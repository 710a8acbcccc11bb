"""One request to a webhook: to an address that was checked, within a time limit, without following
redirects."""

import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException, RemoteDisconnected
from math import inf
from threading import Condition, Thread

from urllib3 import HTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    TimeoutError as PoolTimeout,
)

from glyphd.events.webhook_targets import (
    Address,
    ForbiddenAddress,
    Target,
    require_allowed,
    resolve,
)

MAX_ANSWER_BYTES = 64 * 1024
"""At most this much of a response's body is read, to keep the connection; after a longer one it is
closed."""
WATCH_SECONDS = 0.25
"""The shortest time between two looks for overdue exchanges."""

_STALE = (RemoteDisconnected, ConnectionResetError, BrokenPipeError, ConnectionAbortedError)
"""The errors that appear when the receiver has closed an idle connection."""

_ERRORS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((NewConnectionError,), "connection"),  # urllib3 treats it as a time-out
    ((TimeoutError, PoolTimeout), "timeout"),
    ((ForbiddenAddress,), "forbidden_address"),
    ((socket.gaierror, UnicodeError), "unresolved"),
    ((ssl.SSLError,), "tls"),
    ((OSError, HTTPError, HTTPException), "connection"),
)
"""The codes of failures; the first matching one counts."""


@cache
def default_tls() -> ssl.SSLContext:
    """The system's certificate authorities; loaded when first needed."""
    return ssl.create_default_context()


@dataclass(frozen=True)
class Manners:
    """How requests are sent. `connect_seconds` is part of `exchange_seconds`."""

    is_allowed: Callable[[Address], bool]
    connect_seconds: float = 5.0
    exchange_seconds: float = 15.0
    resolve: Callable[[str, int], list[str]] = resolve
    tls: Callable[[], ssl.SSLContext] = default_tls


@dataclass(frozen=True)
class Delivery:
    """The outcome of a request: `error` is None if the receiver has the event."""

    http_status: int | None
    error: str | None
    retry_after: str | None = None
    milliseconds: int = 0


class Overdue(Exception):
    """The exchange took too long as a whole."""


class Watch:
    """Aborts exchanges that take too long as a whole, even if the receiver keeps sending: a
    socket's own time limit starts again with every byte.

    Its thread lives only while there is an exchange, and sleeps until the first of them is overdue.
    """

    def __init__(self) -> None:
        self._until: dict[Sender, float] = {}
        self._changed = Condition()
        self._wakes_at: float | None = None
        self._is_ended = False

    def stop(self) -> None:
        """Aborts every exchange immediately."""
        with self._changed:
            self._is_ended = True
            self._changed.notify()
        self._abort(inf)

    def begin(self, sender: "Sender", seconds: float) -> None:
        until = time.monotonic() + seconds
        with self._changed:
            self._until[sender] = until
            if self._wakes_at is None and not self._is_ended:
                self._wakes_at = until
                Thread(target=self._look, name="webhook-watch", daemon=True).start()
            elif self._wakes_at is not None and until < self._wakes_at:
                self._changed.notify()

    def end(self, sender: "Sender") -> None:
        with self._changed:
            self._until.pop(sender, None)

    def _look(self) -> None:
        while self._sleep():
            self._abort(time.monotonic())

    def _sleep(self) -> bool:
        """Waits until an exchange may be overdue; False if there is nothing left to watch."""
        with self._changed:
            if self._is_ended or not self._until:
                self._wakes_at = None
                return False
            # An exchange that was aborted while connecting is aborted again when it has a socket.
            earliest = time.monotonic() + WATCH_SECONDS
            self._wakes_at = max(earliest, min(self._until.values()))
            self._changed.wait(self._wakes_at - time.monotonic())
            return True

    def _abort(self, now: float) -> None:
        with self._changed:
            overdue = [sender for sender, until in self._until.items() if until <= now]
        for sender in overdue:
            sender.abort()


class Sender:
    """Sends to one target over one connection, which is kept as long as the receiver keeps it."""

    def __init__(self, target: Target, manners: Manners, watch: Watch) -> None:
        self._target = target
        self._manners = manners
        self._watch = watch
        self._connection: HTTPConnection | None = None
        self._socket: socket.socket | None = None
        self._is_aborted = False

    def post(self, body: bytes, headers: dict[str, str]) -> Delivery:
        """Sends one request. Never raises because of the receiver."""
        began = time.monotonic()
        self._is_aborted = False
        self._watch.begin(self, self._manners.exchange_seconds)
        try:
            status, retry_after = self._exchange(body, headers)
            if self._is_aborted:  # a truncated head may look complete
                raise Overdue
            error = _error_of_status(status)
        except Exception as caught:
            status, retry_after, error = None, None, self._error_of(caught)
            self.close()
            if error is None:
                raise
        finally:
            self._watch.end(self)
        return Delivery(status, error, retry_after, round(1000 * (time.monotonic() - began)))

    def abort(self) -> None:
        """Aborts the exchange under way. Called from another thread."""
        self._is_aborted = True
        if self._socket is not None:
            with suppress(OSError):  # it has ended meanwhile
                # Not SSLSocket's own method, which would modify the socket while the other thread
                # uses it.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        if self._socket is not None:
            self._socket.close()
        self._connection = self._socket = None

    def _exchange(self, body: bytes, headers: dict[str, str]) -> tuple[int, str | None]:
        connection = self._connection
        if connection is not None and connection.is_connected:
            try:
                return self._ask(connection, body, headers)
            except _STALE:
                if self._is_aborted:
                    raise
        self.close()
        return self._ask(self._connect(), body, headers)

    def _ask(
        self, connection: HTTPConnection, body: bytes, headers: dict[str, str]
    ) -> tuple[int, str | None]:
        connection.request(
            "POST",
            self._target.path,
            body,
            {"Host": self._target.authority, **headers},
            preload_content=False,
        )
        answer = connection.getresponse()
        self._finish(answer)
        return answer.status, answer.headers.get("Retry-After")

    def _finish(self, answer: HTTPResponse) -> None:
        """Reads the rest of a short response, so that the connection can be reused."""
        received = answer.read(MAX_ANSWER_BYTES + 1, decode_content=False)
        if len(received) > MAX_ANSWER_BYTES or self._connection is None:
            self.close()
        elif self._connection.sock is None:  # the receiver wants it closed
            answer.close()
            self.close()

    def _connect(self) -> HTTPConnection:
        """The name is resolved and checked once: the connection goes to one of exactly these
        addresses, and the certificate is checked for the name."""
        target, manners = self._target, self._manners
        addresses = manners.resolve(target.host, target.port)
        require_allowed(addresses, manners.is_allowed)
        for number, address in enumerate(addresses, start=1):
            if self._is_aborted:
                raise Overdue
            try:
                return self._open(address)
            except ConnectTimeoutError:  # for urllib3, refused addresses too
                if number == len(addresses):
                    raise
        raise socket.gaierror("no address")

    def _open(self, address: str) -> HTTPConnection:
        target, manners = self._target, self._manners
        connection = (
            HTTPConnection(address, target.port, timeout=manners.connect_seconds)
            if target.scheme == "http"
            else HTTPSConnection(
                address,
                target.port,
                timeout=manners.connect_seconds,
                server_hostname=target.host,
                ssl_context=manners.tls(),
            )
        )
        self._connection = connection
        connection.connect()
        self._socket = connection.sock
        self._socket.settimeout(manners.exchange_seconds)
        return connection

    def _error_of(self, error: Exception) -> str | None:
        """A stable code for the failure; None if the fault is glyphd's."""
        if self._is_aborted:
            return "timeout"
        return next((code for kinds, code in _ERRORS if isinstance(error, kinds)), None)


def _error_of_status(status: int) -> str | None:
    if 200 <= status < 300:
        return None
    return "redirect" if 300 <= status < 400 else "http_status"
