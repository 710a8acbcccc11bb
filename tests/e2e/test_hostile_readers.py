"""Clients that ask for much and read slowly or not at all, and a system that refuses writes,
against real processes."""

import json
import resource
import time
from contextlib import ExitStack, suppress
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
from tests.e2e.sockets import begin_download, connect

READERS = 24
SLOW_READERS = 100
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


def test_a_head_makes_a_whole_result_once(tmp_path: Path) -> None:
    with serving(environment=data_in(tmp_path / "data")) as api:
        _imported(api, 40_000)
        first, again = _head_seconds(api), _head_seconds(api)
        assert again < first / 4
        assert len(get(api.address, "/api/listings")) == 40_000
        assert _scratch_files(api) == 1


def _head_seconds(api: Process) -> float:
    began = time.monotonic()
    with connect(api.address) as client:
        client.sendall(HEAD)
        head = client.recv(65536)
    assert head.startswith(b"HTTP/1.1 200")
    assert b"Content-Length: " in head
    return time.monotonic() - began


def test_many_slow_readers_of_one_result_share_one_file(tmp_path: Path) -> None:
    with serving(environment=data_in(tmp_path / "data")) as api, ExitStack() as stack:
        _imported(api, 20_000)
        paths = ["/api/listings"] * SLOW_READERS
        readers = [stack.enter_context(begin_download(api.address, path)) for path in paths]
        heads = [reader.recv(200) for reader in readers]
        assert all(head.startswith(b"HTTP/1.1 200") for head in heads)
        assert _scratch_files(api) == 1
        rest = b"".join(iter(lambda: readers[50].recv(65536), b""))
        assert len(json.loads((heads[50] + rest).partition(b"\r\n\r\n")[2])) == 20_000


def _scratch_files(api: Process) -> int:
    """How many temporary files are open."""
    folder = Path(f"/proc/{api.popen.pid}/fd")
    names = []
    for link in folder.iterdir():
        with suppress(OSError):
            names.append(str(link.readlink()))
    return sum("/gpu.tmp/" in name and name.endswith("(deleted)") for name in names)


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
