"""Stalled clients are disconnected in time, and take neither threads nor places from the others."""

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest
from waitress.adjustments import Adjustments

from glyphd.server import ServerLimits
from glyphd.server.admission import Admission
from glyphd.server.channels import channel_class
from glyphd.server.parsing import RequestParser
from tests.server.apps import LARGE, Holding, Sending
from tests.server.wire import GET, RunningServer, Serve, is_closed, post, read_answer, wait_until

MIB = 1 << 20


def _can_send(connection: socket.socket, piece: bytes = b"x") -> bool:
    try:
        connection.sendall(piece)
    except OSError:
        return False
    return True


def _cut_off_while_sending(connection: socket.socket, piece: bytes) -> Callable[[], bool]:
    """A function that sends another piece at each call, and returns whether the server has ended
    the connection."""
    return lambda: not _can_send(connection, piece) or is_closed(connection)


def test_headers_that_trickle_in_are_cut_off(serve: Serve) -> None:
    with serve(header_timeout=0.5, idle_timeout=30).connect() as connection:
        connection.sendall(GET[:-2])
        wait_until(_cut_off_while_sending(connection, b"A: b\r\n"))


def test_headers_in_time_are_answered_however_long_that_takes(serve: Serve) -> None:
    holding = Holding()
    with serve(holding, header_timeout=0.3, idle_timeout=0.3).connect() as connection:
        connection.sendall(GET)
        assert holding.asked.wait(10)
        time.sleep(1)  # enough time for what must not happen
        holding.let_go.set()
        assert read_answer(connection).body == b"held"


def test_a_silent_connection_is_closed(serve: Serve) -> None:
    with serve(idle_timeout=0.3).connect() as connection:
        wait_until(lambda: is_closed(connection))


def test_a_stalled_body_is_cut_off_and_gives_its_place_back(serve: Serve) -> None:
    server = serve(idle_timeout=0.3, min_body_rate=0, max_uploads_in_flight=1)
    with server.connect() as connection:
        connection.sendall(post(MIB) + b"some of it")
        wait_until(lambda: is_closed(connection))
    assert server.ask(post(MIB) + b"x" * MIB).status == 200


def test_a_body_that_trickles_in_is_cut_off(serve: Serve) -> None:
    with serve(idle_timeout=0.5, min_body_rate=100_000).connect() as connection:
        connection.sendall(post(MIB))
        wait_until(_cut_off_while_sending(connection, b"x"))


def test_a_body_that_moves_is_not_cut_off(serve: Serve) -> None:
    with serve(idle_timeout=1, min_body_rate=10).connect() as connection:
        connection.sendall(post(300))
        until = time.monotonic() + 1.5
        sent = 0
        while time.monotonic() < until:
            connection.sendall(b"x")
            sent += 1
            assert not is_closed(connection)
        connection.sendall(b"x" * (300 - sent))
        connection.settimeout(10)
        assert read_answer(connection).body == b"300"


def _stalled_reader(server: RunningServer, path: bytes) -> socket.socket:
    """A client that requests a large answer, and reads only its beginning."""
    connection = server.connect()
    connection.sendall(GET.replace(b"/ ", path + b" "))
    assert connection.recv(1)
    return connection


def test_an_unread_stream_does_not_hold_its_thread_for_long(serve: Serve, sending: Sending) -> None:
    server = serve(sending, threads=1, idle_timeout=0.5)
    with _stalled_reader(server, b"/stream"):
        assert server.ask(GET).body == b"little"


def test_an_unread_file_holds_no_thread_at_all(serve: Serve, sending: Sending) -> None:
    server = serve(sending, threads=1, idle_timeout=60)
    with _stalled_reader(server, b"/file"), _stalled_reader(server, b"/file"):
        assert server.ask(GET).body == b"little"


def test_an_unread_file_is_given_up_in_the_end(serve: Serve, sending: Sending) -> None:
    with _stalled_reader(serve(sending, idle_timeout=0.5), b"/file"):
        wait_until(lambda: sending.opened[0].closed)


def test_a_reader_that_takes_its_time_gets_all(serve: Serve, sending: Sending) -> None:
    with (
        _stalled_reader(serve(sending, idle_timeout=1), b"/file") as connection,
        connection.makefile("rb") as reader,
    ):
        for _ in range(16):
            assert len(reader.read(LARGE // 16)) == LARGE // 16
            time.sleep(0.1)


def test_sixty_stalled_clients_do_not_keep_the_others_out(serve: Serve, sending: Sending) -> None:
    server = serve(sending, threads=2)
    with ExitStack() as stalled:
        for _ in range(20):
            half_head, half_body = stalled.enter_context(server.connect()), stalled.enter_context(
                server.connect()
            )
            half_head.sendall(GET[:-2])
            half_body.sendall(post(MIB) + b"x" * 1000)
            stalled.enter_context(_stalled_reader(server, b"/file"))
        assert server.ask(post(MIB) + b"x" * MIB).status == 200
        assert server.ask(GET).body == b"little"


def test_a_refused_client_that_never_stops_sending_is_cut_off(serve: Serve) -> None:
    with serve(max_body_bytes=10, linger_timeout=0.3).connect() as connection:
        connection.sendall(post(MIB))
        assert read_answer(connection).status == 413
        wait_until(lambda: not _can_send(connection))


def test_the_time_a_request_takes_is_not_counted_against_its_reader(limits: ServerLimits) -> None:
    server: Any = SimpleNamespace(active_channels={})
    near, far = socket.socketpair()
    with near, far:
        channel = channel_class(Admission(limits))(server, near, "", Adjustments(), {})
        channel.requests = [RequestParser(Adjustments())]
        assert [channel.overdue(now) for now in (0, 1000)] == [None, None]
        channel.total_outbufs_len = 1
        assert channel.overdue(1000 + limits.idle_timeout) is None
        assert channel.overdue(1001 + limits.idle_timeout) == "answer_unread"


def test_a_last_answer_that_ends_while_the_loop_sends_is_lingered_for(
    limits: ServerLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    server: Any = SimpleNamespace(active_channels={})
    near, far = socket.socketpair()
    with near, far:
        channel = channel_class(Admission(limits))(server, near, "", Adjustments(), {})

        def end(*_: Any, **__: Any) -> None:
            channel.close_when_flushed = True  # as the answering thread does, at any moment

        monkeypatch.setattr(channel, "_flush_exception", end)
        channel.handle_write()
        channel.handle_write()
        assert far.recv(1) == b""
        far.sendall(b"the rest of a refused body")
        assert channel.connected
        channel.handle_close()


def test_what_came_before_the_end_of_a_refused_client_does_not_reset_it(
    limits: ServerLimits,
) -> None:
    server: Any = SimpleNamespace(active_channels={})
    near, far = socket.socketpair()
    with near, far:
        channel = channel_class(Admission(limits))(server, near, "", Adjustments(), {})
        channel.close_when_flushed = True
        channel.handle_write()
        far.sendall(b"x" * 100_000)
        far.shutdown(socket.SHUT_WR)
        channel.handle_close()  # as the loop does when both ends have finished
        assert far.recv(1) == b""


def test_a_clock_that_jumps_cuts_nobody_off(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(idle_timeout=5).connect() as connection:
        connection.sendall(GET)
        assert read_answer(connection).status == 200
        clock = time.time
        monkeypatch.setattr(time, "time", lambda: clock() + 1_000_000)
        time.sleep(0.4)  # time for several checks of slow clients
        connection.sendall(GET)
        assert read_answer(connection).status == 200
