"""A bucket that dies or hangs while real processes use it: accepted uploads are imported, others
are refused, and no secret is shown."""

import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import uuid4

import psutil
import pytest

from glyphd.uploads.store import HALF_RECEIVED_SECONDS
from tests.bucket_server import BUCKET, KEY_ID, SECRET, BucketServer, running_bucket_server
from tests.e2e.processes import (
    PATIENCE_SECONDS,
    data_in,
    final_status,
    get,
    many_offers,
    readiness,
    run,
    serving,
    until,
    upload,
)

MIB = 1 << 20
ROW = f"L4,1000,0.5,{'a long note ' * 100}\n"
AWAY = "the bucket for uploads does not answer as it should"


@pytest.fixture(scope="module")
def server() -> Iterator[BucketServer]:
    """A server that may be stopped."""
    with running_bucket_server() as running:
        yield running


@pytest.fixture
def environment(tmp_path: Path, server: BucketServer) -> dict[str, str]:
    url = {"GLYPHD_UPLOAD_URL": f"s3://{BUCKET}/{uuid4().hex}"}
    return data_in(tmp_path / "data") | server.environment | url


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file that takes a while to send, with few rows for its size."""
    path = tmp_path / "large.csv"
    with path.open("w") as file:
        file.write("model,price_usd,score,notes\n")
        for _ in range(100 * MIB // len(ROW)):
            file.write(ROW)
    return path


def _send(address: str, path: Path) -> tuple[int, dict[str, Any]]:
    """Uploads a file; returns the status and the JSON of the answer."""
    size = str(path.stat().st_size)
    headers = {"Content-Type": "text/csv", "Content-Length": size, "Idempotency-Key": "large"}
    with path.open("rb") as file:
        try:
            with urlopen(
                Request(f"{address}/api/import", file, headers), timeout=3 * PATIENCE_SECONDS
            ) as answer:
                return answer.status, json.load(answer)
        except HTTPError as error:
            return error.code, json.load(error)


def _is_received(environment: dict[str, str], file: Path) -> bool:
    """Whether the API has received the whole file, but has not finished storing it in the
    bucket."""
    parts = Path(environment["GLYPHD_DATA_DIR"], "gpu.uploads").glob("*.part")
    return any(part.stat().st_size == file.stat().st_size for part in parts)


def _uploads_of(address: str) -> str:
    found: str = readiness(address)["checks"]["uploads"]
    return found


def test_an_upload_outlives_a_bucket_that_hangs_and_not_one_that_dies(
    environment: dict[str, str], server: BucketServer, large: Path
) -> None:
    with (
        serving("--no-worker", environment=environment) as service,
        ThreadPoolExecutor(1) as threads,
    ):
        sent = threads.submit(_send, service.address, large)
        until(lambda: _is_received(environment, large))
        with server.down():
            status, refused = sent.result()
        assert (status, refused["code"]) == (503, "uploads_unavailable")
        assert get(service.address, "/api/imports") == []

        sent = threads.submit(_send, service.address, large)
        until(lambda: _is_received(environment, large))
        with server.frozen():
            until(lambda: _uploads_of(service.address) == AWAY)
            assert not sent.done()
        status, accepted = sent.result()
        assert (status, accepted["size_bytes"]) == (202, large.stat().st_size)
        assert not list(Path(environment["GLYPHD_DATA_DIR"], "gpu.uploads").iterdir())


def test_an_import_waits_until_the_bucket_is_back(
    environment: dict[str, str], server: BucketServer, large: Path
) -> None:
    with serving(environment=environment) as service:
        _, accepted = _send(service.address, large)
        import_id = accepted["import_id"]
        until(lambda: get(service.address, f"/api/imports/{import_id}")["bytes_read"])
        with server.down():
            waiting = until(lambda: _handed_back(service.address, import_id))
            assert waiting["reason"] == AWAY
        ended = final_status(service.address, import_id)
        assert (ended["status"], ended["attempt"] > 1) == ("succeeded", True)
        assert ended["record_count"] == 100 * MIB // len(ROW)


def _handed_back(address: str, import_id: str) -> dict[str, Any] | None:
    status: dict[str, Any] = get(address, f"/api/imports/{import_id}")
    return status if status["status"] == "queued" and status["reason"] else None


def test_what_a_killed_api_had_received_is_removed_when_it_starts_again(
    environment: dict[str, str], server: BucketServer
) -> None:
    folder = Path(environment["GLYPHD_DATA_DIR"], "gpu.uploads")
    with (
        serving("--no-worker", environment=environment) as service,
        ThreadPoolExecutor(1) as threads,
        server.frozen(),
    ):
        sent = threads.submit(upload, service.address, many_offers(3))
        (abandoned,) = until(lambda: list(folder.glob("*.part")))
        service.kill()
        assert isinstance(sent.exception(), OSError)
    # Another API on this machine may be receiving a more recent one.
    (folder / "young.part").touch()
    moment = time.time() - 2 * HALF_RECEIVED_SECONDS
    os.utime(abandoned, (moment, moment))
    with serving("--no-worker", environment=environment):
        until(lambda: not abandoned.exists())
        assert [path.name for path in folder.iterdir()] == ["young.part"]


def test_a_large_upload_keeps_the_memory_flat(environment: dict[str, str], large: Path) -> None:
    with serving("--no-worker", environment=environment) as service:
        upload(service.address, b"model,price_usd,score\nL4,1,0.5\n", Prefer="respond-async")
        before = _peak_mib(service.popen.pid)
        status, _ = _send(service.address, large)
        assert status == 202
        assert _peak_mib(service.popen.pid) - before < 64


def _peak_mib(pid: int) -> float:
    """The peak memory of a process, in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM"))
    assert psutil.pid_exists(pid)
    return int(peak) / 1024


def test_no_process_tells_the_keys(
    environment: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    shown = run("settings", environment=environment)
    assert environment["GLYPHD_UPLOAD_URL"] in shown.stdout
    with serving(environment=environment | {"GLYPHD_LOG_LEVEL": "DEBUG"}) as service:
        sent = upload(service.address, b"model,price_usd,score\nL4,1,0.5\n")
        assert final_status(service.address, sent["import_id"])["status"] == "succeeded"
        said = json.dumps([readiness(service.address), sent])
    wrong = run("init-db", environment=environment | {"AWS_SECRET_ACCESS_KEY": "another-secret"})
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    said += shown.stdout + shown.stderr + wrong.stdout + wrong.stderr + capfd.readouterr().err
    assert not any(secret in said for secret in (SECRET, KEY_ID, "another-secret"))
