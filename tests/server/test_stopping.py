"""After a signal to stop, the server accepts nothing new, completes what it has begun, and
returns."""

import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.server.apps import Holding, Sending
from tests.server.wire import GET, RunningServer, Serve, is_closed, post, read_answer, wait_until

MIB = 1 << 20


def _stop(server: RunningServer) -> None:
    server.stop.set()
    wait_until(server.refuses_connections)


def test_returns_at_once_when_nothing_is_in_hand(serve: Serve) -> None:
    server = serve(grace_seconds=60)
    with server.connect() as idle:
        idle.sendall(GET)
        assert read_answer(idle).status == 200
        server.stop.set()
        wait_until(lambda: server.has_returned, limit=3)
        assert is_closed(idle)


def test_answers_a_request_in_hand_and_refuses_new_connections(serve: Serve) -> None:
    holding = Holding()
    server = serve(holding)
    with server.connect() as connection:
        connection.sendall(GET)
        assert holding.asked.wait(10)
        _stop(server)
        assert not server.has_returned
        holding.let_go.set()
        answer = read_answer(connection)
    assert answer.body == b"held"
    assert answer.headers["Connection"] == "close"
    wait_until(lambda: server.has_returned)


def test_takes_the_rest_of_an_upload(serve: Serve) -> None:
    server = serve()
    with server.connect() as connection:
        connection.sendall(post(MIB, "Expect: 100-continue"))
        assert connection.recv(4096).startswith(b"HTTP/1.1 100")
        connection.sendall(b"x" * 1000)
        _stop(server)
        connection.sendall(b"x" * (MIB - 1000))
        assert read_answer(connection).body == str(MIB).encode()
    wait_until(lambda: server.has_returned)


def test_sends_the_rest_of_a_large_answer(serve: Serve, tmp_path: Path) -> None:
    app = Sending(tmp_path, 32 * MIB)
    server = serve(app)
    with server.connect() as connection:
        connection.sendall(GET.replace(b"/ ", b"/file "))
        begun = connection.recv(1, socket.MSG_PEEK)
        assert begun
        _stop(server)
        assert len(read_answer(connection).body) == app.size
    wait_until(lambda: server.has_returned)


def test_answers_who_was_connected_before_the_stop(serve: Serve) -> None:
    waiting: list[socket.socket] = []

    def connect_and_stop(server: RunningServer) -> None:
        for _ in range(3):
            waiting.append(server.connect())
            waiting[-1].sendall(GET)
        server.stop.set()

    serve(on_ready=connect_and_stop)
    for connection in waiting:
        with connection:
            assert read_answer(connection).status == 200


def test_a_client_that_stays_after_its_last_answer_does_not_hold_the_stop_up(serve: Serve) -> None:
    server = serve(grace_seconds=60, linger_timeout=60)
    with server.connect() as connection:
        connection.sendall(GET[:-2] + b"Connection: close\r\n\r\n" + GET[:-2])
        assert read_answer(connection).status == 200
        server.stop.set()
        wait_until(lambda: server.has_returned, limit=3)


def test_a_stalled_upload_holds_the_stop_up_for_the_grace_only(serve: Serve) -> None:
    server = serve(grace_seconds=0.5)
    with server.connect() as connection:
        connection.sendall(post(MIB, "Expect: 100-continue"))
        assert connection.recv(4096).startswith(b"HTTP/1.1 100")
        server.stop.set()
        wait_until(lambda: server.has_returned, limit=4)
        assert is_closed(connection)


def test_a_request_that_never_ends_holds_the_process_up_for_the_grace_only(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.server.keeping", str(tmp_path), "0.5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(GET.replace(b"/ ", b"/hold "))
            connection.settimeout(0.2)
            assert not is_closed(connection)
            told = time.monotonic()
            process.terminate()
            assert process.wait(10) == 0
            assert time.monotonic() - told < 5
