"""Threads are limited: slow readers hold none, heavy requests share some, and a probe is always
answered."""

import socket
import threading
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from structlog.testing import capture_logs

from glyphd.api.weights import RequestShape, Weight, weight_of
from tests.server.apps import Holding, Sending
from tests.server.wire import (
    GET,
    RunningServer,
    Serve,
    is_closed,
    read_answer,
    read_to_the_end,
    wait_until,
)

MIB = 1 << 20
LARGE = 48 * MIB  # more than the kernel and waitress together buffer for a reader
HEALTH = b"GET /api/health HTTP/1.1\r\nHost: test\r\n\r\n"
WHOLE = b"GET /api/listings HTTP/1.1\r\nHost: test\r\n\r\n"
WAITING = b"GET /api/events?wait=9 HTTP/1.1\r\nHost: test\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
FILE = b"GET /file HTTP/1.1\r\nHost: test\r\n\r\n"


class HoldingPath:
    """Holds one path, by default whole results, until released; answers all others at once."""

    def __init__(self, path: str = "/api/listings") -> None:
        self._path = path
        self._lock = threading.Lock()
        self.let_go = threading.Event()
        self.begun = 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == self._path:
            with self._lock:
                self.begun += 1
            self.let_go.wait(30)
        start_response("200 OK", [("Content-Length", "4")])
        return [b"done"]


def _slow_reader(server: RunningServer, sent: bytes) -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect((server.host, server.port))
    connection.sendall(sent)
    return connection


def test_pipelining_readers_who_do_not_read_hold_no_thread(serve: Serve, tmp_path: Path) -> None:
    sending = Sending(tmp_path, LARGE)
    server = serve(sending, idle_timeout=30)
    with ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(_slow_reader(server, FILE * 3))
        wait_until(lambda: len(sending.opened) >= 8)
        for _ in range(4):
            assert server.ask(GET).body == b"little"
        assert (
            len(sending.opened) == 8
        ), "the next request of a connection begins when its answer is sent"


def test_pipelined_requests_are_answered_in_order(serve: Serve, tmp_path: Path) -> None:
    sending = Sending(tmp_path, MIB)
    with serve(sending).connect() as connection:
        connection.sendall((FILE + GET) * 20 + LAST)
        bodies = read_to_the_end(connection).split(b"HTTP/1.1 200 OK\r\n")[1:]
    sizes = [len(body.partition(b"\r\n\r\n")[2]) for body in bodies]
    assert sizes == [sending.size, len(b"little")] * 20 + [len(b"little")]


def test_a_request_that_came_in_part_behind_another_is_answered(serve: Serve) -> None:
    with serve().connect() as connection:
        connection.sendall(GET + GET[:20])
        assert read_answer(connection).status == 200  # the second one can't have been answered yet
        connection.sendall(GET[20:])
        assert read_answer(connection).status == 200


@pytest.mark.parametrize(
    ("path", "asked", "at_once", "others"),
    [
        pytest.param("/api/listings", WHOLE, 3, GET, id="heavy"),
        pytest.param("/", GET, 1, WAITING, id="quick"),
    ],
)
def test_some_requests_wait_for_one_another_and_delay_no_others(
    serve: Serve, path: str, asked: bytes, at_once: int, others: bytes
) -> None:
    holding = HoldingPath(path)
    server = serve(holding, threads=8, quick_seconds=60)
    with ExitStack() as stack:
        waiting = [stack.enter_context(server.connect()) for _ in range(8)]
        for connection in waiting:
            connection.sendall(asked)
        wait_until(lambda: holding.begun == at_once)
        for _ in range(8):
            assert server.ask(others).body == b"done"
        assert holding.begun == at_once
        holding.let_go.set()
        assert [read_answer(connection).body for connection in waiting] == [b"done"] * 8


def test_a_slow_request_does_not_delay_quick_ones(serve: Serve) -> None:
    holding = HoldingPath("/slow")
    server = serve(holding, threads=4)
    with ExitStack() as stack:
        waiting = [stack.enter_context(server.connect()) for _ in range(3)]
        for connection in waiting:
            connection.sendall(GET.replace(b"GET /", b"GET /slow", 1))
        wait_until(lambda: holding.begun == 3)
        for _ in range(8):
            assert server.ask(GET).body == b"done"
        holding.let_go.set()
        assert [read_answer(connection).body for connection in waiting] == [b"done"] * 3


def test_health_is_answered_while_every_thread_is_held(serve: Serve) -> None:
    holding = Holding()

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/api/health":
            start_response("200 OK", [("Content-Length", "2")])
            return [b"ok"]
        return holding(environ, start_response)

    server = serve(app, threads=2)
    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(server.connect()).sendall(GET)
        assert holding.asked.wait(10)
        for _ in range(3):
            assert server.ask(HEALTH).body == b"ok"
        holding.let_go.set()


def test_heavy_requests_whose_clients_left_are_not_begun(serve: Serve) -> None:
    holding = HoldingPath()
    server = serve(holding, threads=2)
    with server.connect() as first:
        first.sendall(WHOLE)
        wait_until(lambda: holding.begun == 1)
        for _ in range(5):
            with server.connect() as gone:
                gone.sendall(WHOLE)
        with server.connect() as last:
            last.sendall(WHOLE)
            assert server.ask(GET).body == b"done"  # all earlier requests have been noticed
            holding.let_go.set()
            assert read_answer(last).body == b"done"
        assert read_answer(first).body == b"done"
    assert holding.begun == 2


def test_an_answer_has_to_be_read_at_a_least_rate(serve: Serve, tmp_path: Path) -> None:
    sending = Sending(tmp_path, LARGE)
    server = serve(sending, idle_timeout=1, min_read_rate=64 * MIB)
    with capture_logs() as lines, server.connect() as connection:
        connection.sendall(FILE)

        def is_cut_off() -> bool:
            with suppress(ConnectionError):
                connection.recv(65536)
            return any(file.closed for file in sending.opened)

        wait_until(is_cut_off)
    assert [line["reason"] for line in lines if line["event"] == "connection_reaped"] == [
        "answer_read_too_slowly"
    ]


def test_an_answer_that_is_read_fast_enough_is_sent_whole(serve: Serve, tmp_path: Path) -> None:
    sending = Sending(tmp_path, LARGE)
    server = serve(sending, idle_timeout=0.2, min_read_rate=1)
    with _slow_reader(server, FILE) as connection:
        assert len(read_answer(connection).body) == sending.size
        assert not is_closed(connection)


@pytest.mark.parametrize(
    ("method", "path", "query", "weight"),
    [
        ("GET", "/api/health", "", Weight.PROBE),
        ("HEAD", "/api/health", "", Weight.PROBE),
        ("GET", "/api/listings", "", Weight.HEAVY),
        ("HEAD", "/api/listings", "format=csv", Weight.HEAVY),
        ("GET", "/api/listings", "limit=10", Weight.QUICK),
        ("GET", "/api/listings", "limit=10&count=exact", Weight.HEAVY),
        ("GET", "/api/forecast/deltas", "", Weight.HEAVY),
        ("GET", "/api/imports/a/report.csv", "", Weight.HEAVY),
        ("GET", "/api/imports/a/errors", "", Weight.HEAVY),
        ("GET", "/api/imports/a/diff/b", "limit=1", Weight.HEAVY),
        ("GET", "/api/listings/a/source", "", Weight.HEAVY),
        ("GET", "/api/imports/a", "", Weight.QUICK),
        ("GET", "/api/imports", "", Weight.QUICK),
        ("GET", "/api/imports/a", "wait=30", Weight.LIGHT),
        ("GET", "/api/events", "wait=30", Weight.LIGHT),
        ("GET", "/", "", Weight.QUICK),
        ("GET", "/", "as_of=2026-01-01", Weight.HEAVY),
        ("GET", "/models/L4", "", Weight.HEAVY),
        ("GET", "/listings/a", "", Weight.HEAVY),
        ("GET", "/listings", "", Weight.QUICK),
        ("GET", "/listings", "count=exact", Weight.HEAVY),
        ("GET", "/status", "", Weight.QUICK),
        ("GET", "/static/a/style.css", "", Weight.QUICK),
        ("POST", "/api/import", "", Weight.LIGHT),
        ("POST", "/api/persist/listings", "", Weight.LIGHT),
    ],
)
def test_the_weight_of_a_request(method: str, path: str, query: str, weight: Weight) -> None:
    assert weight_of(RequestShape(method, path, query)) is weight


@pytest.mark.parametrize("path", ["/api/persist/listings", "/api/import"])
def test_a_large_json_body_is_heavy(path: str) -> None:
    large = RequestShape("POST", path, "", 2 * MIB, "Application/JSON; charset=utf-8")
    assert weight_of(large) is Weight.HEAVY
    assert weight_of(replace(large, body_bytes=MIB)) is Weight.LIGHT
    assert weight_of(replace(large, content_type="text/csv")) is Weight.LIGHT
