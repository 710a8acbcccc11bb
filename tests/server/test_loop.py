"""All connections share the loop: whatever a client sends or reads, it blocks others only for a
moment."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from tests.server.wire import GET as ANY_REQUEST, Serve, post, read_answer

LONGEST_SECONDS = 1.0
ATTACK_SECONDS = 2.0
KIB = 1 << 10
CHUNKED = b"POST /none HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
FORM = post(400 * KIB, "Content-Type: multipart/form-data; boundary=b")
GET = b"GET / HTTP/1.1\r\nHost: test\r\n"

ATTACKS: dict[str, tuple[int, list[bytes]]] = {
    "a request line that is nearly one": (
        1,
        [b"GET a://" + b"1" * 30 * KIB + b" x HTTP/1.1\r\n\r\n"],
    ),
    "a header of blanks": (1, [GET + b"A:" + b" " * 30 * KIB + b"\x01\r\n\r\n"]),
    "blanks before a value": (1, [GET + b"A:" + b" " * 30 * KIB + b"b\r\n\r\n"]),
    "a header of folds": (4, [GET + b"A: b\r\n" + b" c\r\n" * 7000 + b"\r\n"]),
    "part headers that never end": (1, [FORM + b'; name="file"\r\n' + b"a\r\n" * 100_000]),
    "a part's name again and again": (1, [FORM + b'; name="file";' * 25_000]),
    "chunks of one byte": (8, [CHUNKED] + [b"1\r\nx\r\n" * 40_000] * 20),
    "chunk headers that never end": (8, [CHUNKED] + [b"1;" + b"a" * 4000] * 100),
    "empty lines between chunks": (8, [CHUNKED] + [b"\r\n" * 130_000] * 20),
    "empty lines between requests": (8, [b"\r\n" * 130_000] * 20),
    "pipelined requests": (8, [(GET + b"\r\n") * 4000]),
    "headers byte by byte": (8, [GET + b"A: "] + [b"x"] * 20_000),
}


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a server in a separate process."""
    command = [
        sys.executable,
        "-m",
        "tests.server.keeping",
        str(tmp_path_factory.mktemp("scratch")),
        "1",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        threading.Thread(target=process.stdout.read, daemon=True).start()  # its log
        yield port
        process.kill()


@pytest.mark.parametrize(("clients", "pieces"), ATTACKS.values(), ids=ATTACKS)
def test_it_stops_for_no_sender(port: int, clients: int, pieces: list[bytes]) -> None:
    with _attacked(lambda over: _send(port, pieces, over), clients):
        assert _longest(port) < LONGEST_SECONDS


def test_it_stops_for_no_reader_however_fast(port: int) -> None:
    with _attacked(lambda over: _read(port, over), 2):
        assert _longest(port) < LONGEST_SECONDS


def test_small_chunks_of_many_clients_leave_room_for_others(port: int) -> None:
    with _attacked(lambda over: _send(port, [CHUNKED] + [b"1\r\nx\r\n" * 10_000] * 1000, over), 64):
        assert _longest(port) < 3 * LONGEST_SECONDS


def test_it_rests_while_a_thread_makes_the_rest_of_an_answer(serve: Serve) -> None:
    has_begun, may_end = threading.Event(), threading.Event()

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        yield b"beginning"
        has_begun.set()
        may_end.wait(LONGEST_SECONDS)
        yield b", end"

    with serve(app).connect() as client:
        client.sendall(ANY_REQUEST)
        assert has_begun.wait(LONGEST_SECONDS)
        worked, began = time.process_time(), time.monotonic()
        may_end.wait(LONGEST_SECONDS / 2)
        assert time.process_time() - worked < (time.monotonic() - began) / 4
        may_end.set()
        assert read_answer(client).body == b"beginning, end"


def _longest(port: int) -> float:
    """The longest time in seconds that an answer takes during the attack, for a process that does
    nothing else."""
    command = [sys.executable, "-m", "tests.server.probing", str(port), str(ATTACK_SECONDS)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=60)


@contextmanager
def _attacked(attack: Callable[[threading.Event], None], clients: int) -> Iterator[None]:
    over = threading.Event()
    threads = [threading.Thread(target=attack, args=(over,)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    with ExitStack() as stack:
        for thread in threads:
            stack.callback(thread.join)
        stack.callback(over.set)
        yield


def _send(port: int, pieces: list[bytes], over: threading.Event) -> None:
    while not over.is_set():
        with suppress(OSError), _connected(port) as client:
            client.settimeout(3)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for piece in pieces:
                client.sendall(piece)
                if over.is_set():
                    return
        over.wait(0.05)  # the attack is sending, not connecting


def _read(port: int, over: threading.Event) -> None:
    space = bytearray(1 << 20)
    while not over.is_set():
        with suppress(OSError), _connected(port) as client:
            client.sendall(b"GET /large HTTP/1.1\r\nHost: test\r\n\r\n")
            while not over.is_set() and client.recv_into(space):
                pass
