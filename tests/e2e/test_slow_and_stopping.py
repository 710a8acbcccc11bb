"""Stalled clients do not delay others, and a service that gets a signal to stop completes its
running requests."""

import json
import signal
from contextlib import ExitStack
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from glyphd.settings import Settings
from tests.e2e.processes import (
    data_in,
    environment_of,
    final_status,
    get,
    many_offers,
    serving,
    until,
    upload,
)
from tests.e2e.sockets import begin_download, begin_upload, connect, read_all

STALLED = 20
HALF_A_HEADER = b"GET /api/listings HTTP/1.1\r\nHost: te"


@pytest.fixture
def environment(database_settings: Settings) -> dict[str, str]:
    """The environment of processes that share one fresh service, once on each database."""
    return environment_of(database_settings)


def test_sixty_stalled_clients_do_not_stop_a_healthy_one(tmp_path: Path) -> None:
    with serving(environment=data_in(tmp_path / "data")) as api, ExitStack() as stack:
        final_status(api.address, upload(api.address, many_offers(5000))["import_id"])
        for _ in range(STALLED):
            stack.enter_context(connect(api.address)).sendall(HALF_A_HEADER)
            stack.enter_context(begin_upload(api.address, b"x" * 1_000_000, sent=500_000))
            stack.enter_context(begin_download(api.address, "/api/listings"))
        healthy = upload(api.address, many_offers(100, price=1.0))
        assert final_status(api.address, healthy["import_id"])["record_count"] == 100
        assert len(get(api.address, "/api/listings?limit=10")) == 10


def test_told_to_stop_it_finishes_uploads_and_answers_under_way(
    environment: dict[str, str],
) -> None:
    csv = many_offers(3000)
    with serving(environment=environment) as api:
        final_status(api.address, upload(api.address, csv)["import_id"])
        download = begin_download(api.address, "/api/listings?fields=price_usd")
        half_sent = begin_upload(api.address, csv, sent=len(csv) // 2)
        get(
            api.address, "/api/health"
        )  # asked after the two others, so the server has begun with them
        api.popen.send_signal(signal.SIGTERM)
        half_sent.sendall(csv[len(csv) // 2 :])
        status, accepted = read_all(half_sent)
        assert status == 202
        status, listings = read_all(download)
        assert (status, len(json.loads(listings))) == (200, 3000)
        assert api.popen.wait(60) == 0
    with serving(environment=environment) as api:
        assert final_status(api.address, json.loads(accepted)["import_id"])["record_count"] == 3000


def test_told_to_stop_in_an_import_it_hands_it_back_and_exits_0(
    environment: dict[str, str],
) -> None:
    with serving(environment=environment) as api:
        import_id = upload(api.address, many_offers(25_000), Prefer="respond-async")["import_id"]
        until(lambda: get(api.address, f"/api/imports/{import_id}")["rows_read"] > 0)
        assert api.stop() == 0
    with serving(environment=environment) as api:
        status = final_status(api.address, import_id)
        assert (status["status"], status["record_count"]) == ("succeeded", 25_000)
        assert len(get(api.address, "/api/listings?fields=price_usd")) == 25_000


def test_a_running_import_is_cancelled_and_leaves_no_row(environment: dict[str, str]) -> None:
    with serving(environment=environment) as api:
        import_id = upload(api.address, many_offers(400_000), Prefer="respond-async")["import_id"]
        until(lambda: get(api.address, f"/api/imports/{import_id}")["rows_read"] > 0)
        with urlopen(
            Request(f"{api.address}/api/imports/{import_id}/cancel", method="POST"), timeout=60
        ) as answer:
            assert answer.status in (200, 202)
        assert final_status(api.address, import_id)["status"] == "cancelled"
        assert get(api.address, "/api/listings?limit=1") == []
