"""Answers in memory: never on the disk, never without their beginning, and limited in total."""

import socket
import tempfile
import threading
from collections.abc import Iterable
from contextlib import ExitStack
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from waitress.buffers import OverflowableBuffer

from glyphd.server import runner
from tests.server.wire import GET, LIMIT_SECONDS, Serve, read_to_the_end, wait_until

MIB = 1 << 20
PAGE = b"HTTP/1.1 200 OK\r\n\r\n" * (8 * MIB // 19)
LAST = GET[:-2] + b"Connection: close\r\n\r\n"


def page(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", str(len(PAGE)))])
    return [PAGE]


def pieces(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", str(len(PAGE)))])
    yield from (PAGE[at : at + MIB] for at in range(0, len(PAGE), MIB))


@pytest.mark.parametrize("app", [page, pieces])
def test_a_full_disk_is_none_of_their_concern(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, app: object
) -> None:
    server = serve(app)

    def no_room(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", no_room)
    assert server.ask(GET).body == PAGE


@pytest.mark.parametrize("failing_append", [1, 2, 5])
@pytest.mark.parametrize("app", [page, pieces])
def test_what_can_not_be_queued_ends_the_connection(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, app: object, failing_append: int
) -> None:
    server = serve(app)
    really_append = OverflowableBuffer.append
    appended = 0

    def append(buffer: OverflowableBuffer, data: bytes) -> None:
        nonlocal appended
        appended += 1
        really_append(buffer, data)
        if appended == failing_append:
            buffer.get(
                skip=True
            )  # only the end of what is pending is left, as after a write that failed half way
            really_append(buffer, data)
            raise MemoryError

    monkeypatch.setattr(OverflowableBuffer, "append", append)
    with server.connect() as connection:
        connection.sendall(LAST)
        received = _until_closed(connection)
    whole = b"Content-Length: %d" % len(PAGE)
    assert received == b"" or (
        received.startswith(b"HTTP/1.1 200 OK\r\n") and whole in received[:200]
    )
    body = received.partition(b"\r\n\r\n")[2]
    assert PAGE.startswith(body)


def test_slow_readers_give_way_when_their_answers_fill_the_memory(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "MOST_PENDING_BYTES", 3 * len(PAGE))
    server = serve(page, threads=4)
    with ExitStack() as stack:
        slow = [stack.enter_context(socket.socket()) for _ in range(8)]
        for connection in slow:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect((server.host, server.port))
            connection.sendall(GET)
        assert server.ask(GET).body == PAGE
        wait_until(lambda: sum(_is_cut_off(connection) for connection in slow) >= 5)


def _is_cut_off(connection: socket.socket) -> bool:
    """Checks by writing, not reading, because these clients read nothing."""
    connection.setblocking(False)
    try:
        connection.send(b"x")
    except BlockingIOError:
        return False
    except OSError:
        return True
    return False


def _until_closed(connection: socket.socket) -> bytes:
    try:
        return read_to_the_end(connection)
    except ConnectionError:
        return b""


def test_a_stream_waits_for_its_reader(serve: Serve) -> None:
    given, ended = 0, threading.Event()

    def endless(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        nonlocal given
        start_response("200 OK", [])
        try:
            for _ in range(64):
                given += MIB
                yield b"x" * MIB
        finally:
            ended.set()

    with serve(endless, idle_timeout=1).connect() as connection:
        connection.sendall(GET)
        assert ended.wait(LIMIT_SECONDS), "whoever reads nothing is closed"
    assert given < 32 * MIB
