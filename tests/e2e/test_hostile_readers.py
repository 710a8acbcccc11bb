"""Clients that ask for much and read slowly or not at all, and systems that refuse to write,
against real processes."""

import json
import resource
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.e2e.processes import (
    Process,
    data_in,
    final_status,
    get,
    many_offers,
    serving,
    until,
    upload,
)
from tests.e2e.sockets import connect

READERS = 24
PIPELINED = b"GET /api/listings HTTP/1.1\r\nHost: test\r\n\r\n" * 4
HEAD = b"HEAD /api/listings HTTP/1.1\r\nHost: test\r\n\r\n"
REPORT = b"GET /api/imports/%b/report.csv HTTP/1.1\r\nHost: test\r\n\r\n"


def _imported(api: Process, count: int) -> str:
    import_id = upload(api.address, many_offers(count))["import_id"]
    assert final_status(api.address, import_id)["status"] == "succeeded"
    return str(import_id)


def _seconds(api: Process, path: str) -> float:
    began = time.monotonic()
    get(api.address, path)
    return time.monotonic() - began


def test_pipelining_slow_readers_stop_nobody(tmp_path: Path) -> None:
    with serving(environment=data_in(tmp_path / "data")) as api, ExitStack() as stack:
        _imported(api, 40_000)
        for _ in range(READERS):
            stack.enter_context(connect(api.address)).sendall(PIPELINED)
        for _ in range(5):
            assert _seconds(api, "/api/health") < 1
        assert _seconds(api, "/api/listings?limit=1") < 5
        _imported(api, 1)


def test_work_for_clients_that_left_ends(tmp_path: Path) -> None:
    with serving(environment=data_in(tmp_path / "data")) as api:
        import_id = _imported(api, 60_000)
        began = time.monotonic()
        with urlopen(f"{api.address}/api/imports/{import_id}/report.csv") as answer:
            answer.read()
        alone = time.monotonic() - began
        for _ in range(READERS):
            with connect(api.address) as gone:
                gone.sendall(REPORT % import_id.encode())
        began = time.monotonic()
        with urlopen(f"{api.address}/api/imports/{import_id}/report.csv") as answer:
            answer.read()
        assert time.monotonic() - began < READERS / 4 * alone


def test_a_head_of_a_whole_result_makes_none(tmp_path: Path) -> None:
    with serving(environment=data_in(tmp_path / "data")) as api:
        _imported(api, 40_000)
        began = time.monotonic()
        get(api.address, "/api/listings")
        whole = time.monotonic() - began
        began = time.monotonic()
        with connect(api.address) as client:
            client.sendall(HEAD)
            assert client.recv(65536).startswith(b"HTTP/1.1 200")
        assert time.monotonic() - began < whole / 4


def test_without_room_for_a_whole_result_it_is_503(tmp_path: Path) -> None:
    with serving(environment=data_in(tmp_path / "data")) as api:
        import_id = _imported(api, 40_000)
        _, hard = resource.prlimit(api.popen.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(api.popen.pid, resource.RLIMIT_FSIZE, (1 << 20, hard))
        with pytest.raises(HTTPError) as refused:
            get(api.address, f"/api/imports/{import_id}/report.csv")
        assert refused.value.code == 503
        assert json.load(refused.value)["code"] == "storage_full"
        assert until(lambda: len(get(api.address, "/api/listings?limit=10")) == 10)
