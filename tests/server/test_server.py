"""Where the server listens, and what it receives and sends if all is well."""

import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from glyphd.errors import InvalidSettings
from glyphd.listener import listen
from glyphd.server import ServerLimits
from glyphd.settings import Settings
from tests.server.apps import Sending
from tests.server.wire import GET, Serve, post, post_chunks, read_answer, read_to_the_end

MIB = 1 << 20


def test_says_where_clients_can_connect(serve: Serve) -> None:
    server = serve(port=0)
    assert server.host == "127.0.0.1"
    assert server.ask(GET).status == 200


def test_a_name_with_several_addresses_is_bound_to_its_ipv4_one(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = socket.getaddrinfo("::1", 0) + socket.getaddrinfo("127.0.0.1", 0)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    assert serve(host="both").host == "127.0.0.1"


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_listens_on_an_ipv6_literal(serve: Serve, host: str) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    server = serve(host=host)
    assert server.host == "::1"
    assert server.ask(GET).status == 200


def _reason_not_to_listen(limits: ServerLimits) -> str:
    with pytest.raises(InvalidSettings) as caught:
        listen(limits.host, limits.port)
    return caught.value.detail


def test_a_taken_port_is_one_clear_line(limits: ServerLimits) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        reason = _reason_not_to_listen(replace(limits, port=port))
    assert reason == f"can't listen on 127.0.0.1 port {port}: address already in use"


@pytest.mark.parametrize("host", ["x" * 70, "::1%nowhere"])
def test_an_impossible_host_is_one_clear_line(limits: ServerLimits, host: str) -> None:
    assert (
        _reason_not_to_listen(replace(limits, host=host))
        == f"can't listen on {host}: no such address"
    )


def test_threads_end_with_the_server(serve: Serve) -> None:
    before = set(threading.enumerate())
    server = serve(threads=4)
    server.ask(GET)
    server.finish()
    assert set(threading.enumerate()) <= before


def test_takes_a_body_of_exactly_the_limit(serve: Serve) -> None:
    server = serve(max_body_bytes=MIB)
    assert server.ask(post(MIB) + b"x" * MIB).body == str(MIB).encode()


def test_takes_a_body_in_chunks_of_exactly_the_limit(serve: Serve) -> None:
    server = serve(max_body_bytes=MIB + 2)
    assert server.ask(post_chunks(b"ab", b"c" * MIB)).body == str(MIB + 2).encode()


def test_says_continue_to_a_client_that_waits_for_it(serve: Serve) -> None:
    with serve().connect() as connection:
        connection.sendall(post(3, "Expect: 100-continue"))
        assert connection.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"abc")
        assert read_answer(connection).body == b"3"


def test_an_empty_body_is_not_waited_for(serve: Serve) -> None:
    assert serve().ask(post(0, "Expect: 100-continue")).body == b"0"


def test_a_connection_serves_one_request_after_the_other(serve: Serve) -> None:
    with serve().connect() as connection:
        for body in (b"a", b"bc"):
            connection.sendall(post(len(body)) + body)
            assert read_answer(connection).body == str(len(body)).encode()


def test_the_last_answer_on_a_connection_ends_it(serve: Serve) -> None:
    with serve().connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        assert read_to_the_end(connection).endswith(b"\r\n\r\n0")


@pytest.mark.parametrize("connection", [b"keep-alive", b"close"])
def test_sends_a_large_file_whole(serve: Serve, tmp_path: Path, connection: bytes) -> None:
    app = Sending(tmp_path, 32 * MIB)
    sent = b"GET /file HTTP/1.1\r\nHost: test\r\nConnection: %b\r\n\r\n" % connection
    assert len(serve(app).ask(sent).body) == app.size


@pytest.mark.parametrize("path", [b"/", b"/file", b"/stream"])
def test_an_answer_to_head_has_no_body(serve: Serve, tmp_path: Path, path: bytes) -> None:
    with serve(Sending(tmp_path, MIB)).connect() as connection:
        connection.sendall(b"HEAD %b HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n" % path)
        head, _, body = read_to_the_end(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert body == b""


def test_an_answer_to_head_has_the_length_of_the_body(serve: Serve, tmp_path: Path) -> None:
    app = Sending(tmp_path, MIB)
    answer = serve(app).ask(b"HEAD /file HTTP/1.1\r\nHost: test\r\n\r\n", "HEAD")
    assert answer.headers["Content-Length"] == str(app.size)


def test_a_large_body_goes_through_the_disk_and_not_through_memory(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.server.keeping", str(tmp_path), "5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        memory = psutil.Process(process.pid)
        before = memory.memory_info().rss
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.sendall(post(128 * MIB))
            highest = before
            for _ in range(128):
                connection.sendall(b"x" * MIB)
                highest = max(highest, memory.memory_info().rss)
            assert read_answer(connection).body == str(128 * MIB).encode()
        highest = max(highest, memory.memory_info().rss)
        process.terminate()
        assert process.wait(10) == 0
    assert highest - before < 20 * MIB


def test_limits_come_from_the_settings(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path, host="::1", port=0, threads=3, max_upload_bytes=5, grace_seconds=7
    )
    limits = ServerLimits.from_settings(settings)
    assert (limits.host, limits.port, limits.threads) == ("::1", 0, 3)
    assert (limits.max_body_bytes, limits.max_json_bytes) == (5, settings.max_json_bytes)
    assert (limits.scratch_dir, limits.grace_seconds) == (settings.scratch_dir, 7)


def test_names_itself_without_a_version(serve: Serve) -> None:
    assert serve().ask(GET).headers["Server"] == "glyphd"
