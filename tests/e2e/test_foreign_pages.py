"""A running service, and requests from other sites' pages, proxies and health checks."""

import re
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.e2e.processes import Process, data_in, final_status, get, many_offers, serving, upload
from tests.http.forms import Part, form

COMPOSE = Path(__file__).parents[2] / "docker-compose.yml"
FOREIGN_FORM = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
FORWARDED = {
    "Host": "upstream",
    "Origin": "https://gpu.example.com",
    "X-Forwarded-Host": "gpu.example.com",
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with serving(environment=data_in(tmp_path_factory.mktemp("served") / "data")) as api:
        yield api


def _status(
    api: Process, method: str, path: str, headers: dict[str, str], body: bytes = b""
) -> int:
    connection = HTTPConnection(urlsplit(api.address).netloc, timeout=30)
    try:
        connection.request(method, path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_foreign_form_neither_imports_nor_rolls_back(running: Process) -> None:
    import_id = upload(running.address, many_offers(3))["import_id"]
    assert final_status(running.address, import_id)["record_count"] == 3
    sent = form(Part("file", many_offers(5), "offers.csv"))
    headers = {**FOREIGN_FORM, "Content-Type": sent.content_type}
    assert _status(running, "POST", "/api/import", headers, sent.body) == 403
    assert _status(running, "POST", f"/api/imports/{import_id}/rollback", headers, sent.body) == 403
    assert [status["import_id"] for status in get(running.address, "/api/imports")] == [import_id]
    assert len(get(running.address, "/api/listings")) == 3


def test_a_rebound_name_sees_nothing(running: Process) -> None:
    assert _status(running, "GET", "/api/listings", {"Host": "evil.example"}) == 421


def test_the_health_check_of_compose_passes(running: Process) -> None:
    found = re.search(r'"(import urllib\.request[^"]*)"', COMPOSE.read_text())
    assert found
    address = urlsplit(running.address).netloc
    code = found[1].replace("127.0.0.1:8080", address)
    assert address in code
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_flags_name_further_hosts_and_proxies(tmp_path: Path) -> None:
    flags = ("--allowed-hosts", "ledger.example", "--trusted-proxies", "127.0.0.0/8", "--no-worker")
    with serving(*flags, environment=data_in(tmp_path / "data")) as api:
        assert _status(api, "GET", "/api/listings", {"Host": "ledger.example"}) == 200
        assert (
            _status(
                api,
                "POST",
                "/api/import",
                {**FORWARDED, "Content-Type": "text/csv"},
                many_offers(1),
            )
            == 202
        )


def test_a_proxy_that_nobody_trusts_can_not_vouch_for_a_page(running: Process) -> None:
    assert (
        _status(
            running,
            "POST",
            "/api/import",
            {**FORWARDED, "Content-Type": "text/csv"},
            many_offers(1),
        )
        == 403
    )
