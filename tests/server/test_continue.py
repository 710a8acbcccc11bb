"""`Expect: 100-continue`: a client gets its answer and never a reset, whether it waits for the 100
or not."""

import socket
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.server.wire import RunningServer, Serve, post, read_answer, read_to_the_end

CONNECTIONS = 1000
AT_ONCE = 8
BODY = b"x" * 3000
LARGE = b"x" * 300_000
HEAD = post(len(BODY), "Expect: 100-continue")
LAST = post(len(BODY), "Expect: 100-continue", "Connection: close")
REFUSED = post(1 << 40, "Expect: 100-continue")


def _at_once(connection: socket.socket) -> int:
    connection.sendall(HEAD + BODY)
    return read_answer(connection, "POST").status


def _right_behind(connection: socket.socket) -> int:
    connection.sendall(LAST)
    connection.sendall(BODY[:1000])
    connection.sendall(BODY[1000:])
    return read_answer(connection, "POST").status


def _one_after_another(connection: socket.socket) -> int:
    for _ in range(2):
        connection.sendall(HEAD)
        connection.sendall(BODY)
        status = read_answer(connection, "POST").status
    return status


def _in_a_row(connection: socket.socket) -> int:
    connection.sendall(HEAD + BODY + LAST + BODY)
    answers = read_to_the_end(connection)
    return 200 if answers.count(b"HTTP/1.1 200 OK") == 2 else 0


def _waiting(connection: socket.socket) -> int:
    connection.sendall(HEAD)
    assert connection.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(BODY)
    return read_answer(connection, "POST").status


def _refused(connection: socket.socket) -> int:
    connection.sendall(REFUSED)
    for at in range(0, len(LARGE), len(LARGE) // 20):
        connection.sendall(LARGE[at : at + len(LARGE) // 20])
    connection.shutdown(socket.SHUT_WR)
    return int(read_to_the_end(connection).split()[1])


WAYS: dict[str, tuple[Callable[[socket.socket], int], int]] = {
    "at once": (_at_once, 200),
    "right behind": (_right_behind, 200),
    "one after another": (_one_after_another, 200),
    "in a row": (_in_a_row, 200),
    "waiting": (_waiting, 200),
    "refused": (_refused, 413),
}


@pytest.fixture
def _threads_that_race() -> Iterator[None]:
    """The loop and the answering threads switch a thousand times as often as usual."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(usual / 1000)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("_threads_that_race")
@pytest.mark.parametrize(("way", "status"), WAYS.values(), ids=WAYS)
def test_none_of_thousands_is_reset_or_left_hanging(
    serve: Serve, way: Callable[[socket.socket], int], status: int
) -> None:
    server = serve(threads=4)
    with ThreadPoolExecutor(AT_ONCE) as clients:
        found = list(clients.map(lambda _: _try(server, way), range(CONNECTIONS)))
    assert {outcome: found.count(outcome) for outcome in set(found)} == {str(status): CONNECTIONS}


def _try(server: RunningServer, way: Callable[[socket.socket], int]) -> str:
    try:
        with server.connect() as connection:
            return str(way(connection))
    except (OSError, AssertionError) as error:
        return repr(error)
