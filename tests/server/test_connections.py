"""How many connections are kept, and which of them are closed for new ones."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from structlog.testing import capture_logs

from glyphd.server.limits import MOST_CONNECTIONS, connections_within
from tests.server.apps import Holding, Sending
from tests.server.wire import (
    GET,
    LIMIT_SECONDS,
    RunningServer,
    Serve,
    is_closed,
    post,
    problem_of,
    read_answer,
    wait_until,
)

MIB = 1 << 20
FULL = 3
HEAVY = GET.replace(b"/ ", b"/api/listings ")


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def _connected(
    stack: ExitStack, server: RunningServer, sent: bytes = b"", answered: bool = False
) -> socket.socket:
    connection = stack.enter_context(server.connect())
    connection.sendall(sent)
    if answered:
        assert read_answer(connection).status == 200
    return connection


def _are_closed(connections: list[socket.socket]) -> list[bool]:
    return [is_closed(connection) for connection in connections]


def test_more_idle_connections_than_are_kept_keep_nobody_out(
    serve: Serve, stack: ExitStack
) -> None:
    server = serve(max_connections=FULL)
    for _ in range(10 * FULL):
        _connected(stack, server, GET, answered=True)


def test_the_longest_idle_one_is_closed(serve: Serve, stack: ExitStack) -> None:
    server = serve(max_connections=FULL)
    kept = [_connected(stack, server, GET, answered=True) for _ in range(FULL)]
    _connected(stack, server, GET, answered=True)
    wait_until(lambda: is_closed(kept[0]))
    assert _are_closed(kept) == [True, False, False]


@pytest.mark.parametrize("sent", [b"", GET[:-2]], ids=["nothing", "half a header"])
def test_who_has_not_asked_is_closed_before_who_was_answered(
    serve: Serve, stack: ExitStack, sent: bytes
) -> None:
    server = serve(max_connections=FULL)
    answered = [_connected(stack, server, GET, answered=True) for _ in range(FULL - 1)]
    silent = _connected(stack, server, sent)
    answered.append(_connected(stack, server, GET, answered=True))
    wait_until(lambda: is_closed(silent))
    assert _are_closed(answered) == [False] * FULL


def test_one_with_a_request_in_hand_is_never_closed(serve: Serve, stack: ExitStack) -> None:
    holding = Holding()
    server = serve(holding, max_connections=FULL, threads=FULL)
    held = [_connected(stack, server, GET) for _ in range(FULL)]
    assert holding.asked.wait(LIMIT_SECONDS)
    latest = _connected(stack, server, GET)
    time.sleep(0.5)  # enough time for what must not happen
    holding.let_go.set()
    assert [read_answer(connection).body for connection in [*held, latest]] == [b"held"] * (
        FULL + 1
    )


def test_bodies_that_trickle_give_way_when_none_is_idle(serve: Serve, stack: ExitStack) -> None:
    server = serve(max_connections=FULL)
    for _ in range(FULL + 20):
        _connected(stack, server, post(MIB // 8) + b"x")
    wait_until(lambda: server.ask(GET).status == 200)


def test_a_quick_start_does_not_keep_a_body_that_stopped(serve: Serve, stack: ExitStack) -> None:
    server = serve(max_connections=FULL, fair_rate=100)
    for _ in range(FULL + 20):
        _connected(stack, server, post(MIB // 8) + b"x" * (MIB // 16))
    wait_until(lambda: server.ask(GET).status == 200)


def test_bodies_that_move_do_not_give_way(serve: Serve, stack: ExitStack) -> None:
    server = serve(max_connections=FULL, fair_rate=1024)
    moving = [_connected(stack, server, post(100 * 1024)) for _ in range(FULL + 1)]
    latest = _connected(stack, server, GET)
    for _ in range(20):
        for connection in moving:
            connection.sendall(b"x" * 1024)
        time.sleep(0.1)
    for connection in moving:
        connection.sendall(b"x" * 80 * 1024)
        assert read_answer(connection).status == 200
    assert read_answer(latest).status == 200


@pytest.mark.parametrize("more", [b"", GET], ids=["one", "and another is asked for"])
def test_answers_that_are_hardly_read_give_way_too(
    serve: Serve, stack: ExitStack, sending: Sending, more: bytes
) -> None:
    server = serve(sending, max_connections=FULL, fair_seconds=0.2)
    for _ in range(FULL + 20):
        _connected(stack, server, GET.replace(b"/ ", b"/file ") + more)
    wait_until(lambda: server.ask(GET).body == b"little")


def test_large_answers_that_wait_leave_connections_to_others(
    serve: Serve, stack: ExitStack
) -> None:
    holding = Holding()
    # Seven are held, one asks, and the one that asked before may not have been closed yet.
    server = serve(holding, max_connections=9)
    held = [_connected(stack, server, HEAVY)]
    assert holding.asked.wait(LIMIT_SECONDS)
    with capture_logs() as lines:
        held += [_connected(stack, server, HEAVY) for _ in range(6)]
        wait_until(lambda: server.ask(HEAVY).status == 503)
        refused = server.ask(HEAVY)
    assert problem_of(refused)["code"] == "unavailable"
    assert int(refused.headers["Retry-After"]) > 0
    assert [line["event"] for line in lines if line["log_level"] != "debug"] == [
        "too_many_large_answers"
    ]
    holding.let_go.set()
    assert [read_answer(connection).body for connection in held] == [b"held"] * 7


def test_one_that_was_just_made_may_ask_first(serve: Serve, stack: ExitStack) -> None:
    server = serve(max_connections=FULL)
    for connection in [_connected(stack, server) for _ in range(FULL)]:
        connection.sendall(GET)
        assert read_answer(connection).status == 200


@pytest.mark.parametrize(
    ("descriptors", "expected"),
    [(None, MOST_CONNECTIONS), (1 << 20, MOST_CONNECTIONS), (1024, 424), (256, 40), (64, 16)],
)
def test_half_of_the_descriptors_are_left_for_files(descriptors: int | None, expected: int) -> None:
    assert connections_within(descriptors, threads=8) == expected
