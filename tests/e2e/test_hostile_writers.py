"""Clients that announce much and send little, or ask for what does not exist, against real
processes."""

import json
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit

import pytest

from tests.e2e.processes import (
    GLYPHD,
    Process,
    data_in,
    final_status,
    many_offers,
    serving,
    until,
    upload,
)
from tests.e2e.sockets import connect, read_all

TRICKLING = 64
LONGEST_WAIT_SECONDS = 15.0
"""Less than the time after which a silent body is closed."""

ANNOUNCED = 4 << 30
HEAD = "POST {path} HTTP/1.1\r\nHost: test\r\nContent-Type: text/csv\r\n{size}\r\n\r\n"
SOME = b"model,price_usd,score\n" + bytes(300 * 1024)
CHUNK = b"%x\r\n%b\r\n" % (len(SOME), SOME)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """One service for all tests; each of them must leave it unharmed."""
    with serving(environment=data_in(tmp_path_factory.mktemp("service") / "data")) as api:
        yield api


def _asked(api: Process, path: str, size: str) -> socket.socket:
    client = connect(api.address)
    client.sendall(HEAD.format(path=path, size=size).encode())
    return client


@pytest.mark.parametrize(
    "size", [f"Content-Length: {ANNOUNCED}", "Transfer-Encoding: chunked", "Content-Length: 5"]
)
def test_a_path_that_is_none_is_said_before_the_body(api: Process, size: str) -> None:
    status, body = read_all(_asked(api, "/api/imports/nowhere/at/all", size))
    assert (status, json.loads(body)["code"]) == (404, "not_found")


@pytest.mark.parametrize("more", ["", "\r\nExpect: 100-continue"], ids=["sends on", "waits"])
def test_a_wrong_method_is_said_before_the_body(api: Process, more: str) -> None:
    status, body = read_all(_asked(api, "/api/import/csv", f"Content-Length: {ANNOUNCED}{more}"))
    problem = json.loads(body)
    assert (status, problem["code"], problem["nearest"]) == (
        405,
        "method_not_allowed",
        "/api/import",
    )


def test_who_sends_on_sees_the_answer_all_the_same(api: Process) -> None:
    client = _asked(api, "/nowhere", "Content-Length: 8000000")
    for _ in range(8):
        client.sendall(bytes(1_000_000))
    assert read_all(client)[0] == 404


def test_trickling_bodies_leave_room_for_others(api: Process) -> None:
    with ExitStack() as stack:
        for number in range(TRICKLING):
            size = "Transfer-Encoding: chunked" if number % 2 else "Content-Length: 400000000"
            client = stack.enter_context(_asked(api, "/api/import", size))
            client.sendall(CHUNK if number % 2 else SOME)
        assert (
            final_status(api.address, upload(api.address, many_offers(10))["import_id"])[
                "record_count"
            ]
            == 10
        )
        began = time.monotonic()
        until(lambda: _is_accepted(api, many_offers(10_000)))
        assert time.monotonic() - began < LONGEST_WAIT_SECONDS


def _is_accepted(api: Process, csv: bytes) -> bool:
    try:
        return bool(upload(api.address, csv))
    except HTTPError as refused:
        if refused.code != 503:
            raise
        return False


@contextmanager
def _out_of_descriptors(pid: int) -> Iterator[None]:
    """The process can't open any more files during the block."""
    used = {int(path.name) for path in Path(f"/proc/{pid}/fd").iterdir()}
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    lowest = next(number for number in count() if number not in used)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def test_out_of_descriptors_is_not_called_a_full_disk(api: Process) -> None:
    kept = HTTPConnection(urlsplit(api.address).netloc, timeout=60)
    kept.request("GET", "/api/health")
    kept.getresponse().read()
    csv = many_offers(20_000)
    with _out_of_descriptors(api.popen.pid):
        kept.request("GET", "/api/listings")
        reading = kept.getresponse()
        code = json.load(reading)["code"]
        kept.request("POST", "/api/import", csv, {"Content-Type": "text/csv"})
        answer = kept.getresponse()
        problem = json.load(answer)
    assert (reading.status, code) == (503, "not_ready")
    assert (answer.status, problem["code"]) == (503, "unavailable")
    assert answer.headers["Retry-After"]
    assert "open" in problem["detail"]
    assert (
        final_status(api.address, upload(api.address, csv)["import_id"])["record_count"] == 20_000
    )


def test_the_limit_of_descriptors_is_raised_as_far_as_it_may(tmp_path: Path) -> None:
    low = ("sh", "-c", 'ulimit -S -n 64 && exec "$0" "$@"', GLYPHD)
    with serving(environment=data_in(tmp_path / "data"), command=low) as api:
        soft, hard = resource.prlimit(api.popen.pid, resource.RLIMIT_NOFILE)
        assert soft == hard > 64
