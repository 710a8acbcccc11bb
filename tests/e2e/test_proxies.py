"""The service behind a real nginx and a real Caddy, configured as in docs/PROXIES.md."""

import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from hashlib import sha256
from html import unescape
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit
from urllib.request import Request, urlopen

import pytest

from tests.e2e.processes import PATIENCE_SECONDS, data_in, final_status, get, serving, upload
from tests.e2e.proxies import Proxy, caddy, nginx
from tests.service import offers
from tests.web.browsing import ACCEPT

CSV = offers("L4,1,1,eu,a,2026-01-01T00:00:00Z", "A/B 1,2,1,eu,b,2026-01-01T00:00:00Z").encode()
MOST_LINKS = 40
UNBUFFERED = "proxy_request_buffering off;"
NGINX_TIME_OUT_SECONDS = 60
KINDS: dict[str, Callable[[Path, str], AbstractContextManager[Proxy]]] = {
    "nginx": nginx,
    "nginx-prefix": lambda folder, upstream: nginx(folder, upstream, prefix="/gpu"),
    "nginx-unbuffered": lambda folder, upstream: nginx(folder, upstream, more=UNBUFFERED),
    "nginx-prefix-unbuffered": lambda folder, upstream: nginx(
        folder, upstream, prefix="/gpu", more=UNBUFFERED
    ),
    "caddy": caddy,
    "caddy-prefix": lambda folder, upstream: caddy(folder, upstream, prefix="/gpu"),
}


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service that trusts proxies on this machine and has two offers."""
    environment = data_in(tmp_path_factory.mktemp("behind") / "data")
    with serving(environment=environment | {"GLYPHD_TRUSTED_PROXIES": "127.0.0.1"}) as api:
        final_status(api.address, upload(api.address, CSV)["import_id"])
        yield urlsplit(api.address).netloc


@pytest.fixture(scope="module", params=list(KINDS))
def proxy(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, upstream: str
) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("proxy") / "files"
    with KINDS[request.param](folder, upstream) as running:
        yield running


@pytest.fixture(scope="module")
def long_poll(
    tmp_path_factory: pytest.TempPathFactory, upstream: str
) -> Iterator["Future[tuple[float, Any]]"]:
    """A request that waits for an event that never comes, while the other tests run."""

    def ask(root: str) -> tuple[float, Any]:
        began = time.monotonic()
        with urlopen(f"{root}/api/events?kind=import.restored&wait=60", timeout=300) as answer:
            return time.monotonic() - began, json.load(answer)

    folder = tmp_path_factory.mktemp("patient") / "files"
    with nginx(folder, upstream, prefix="/gpu") as running, ThreadPoolExecutor(1) as pool:
        yield pool.submit(ask, running.root)


@pytest.mark.usefixtures("long_poll")
def test_links_lead_through_the_proxy(proxy: Proxy) -> None:
    sent = upload(proxy.root, CSV)
    status = final_status(proxy.root, sent["import_id"])
    assert status["status"] == "succeeded"
    for link in status["links"].values():
        with urlopen(urljoin(proxy.address, link), timeout=PATIENCE_SECONDS) as answer:
            assert answer.status == 200
    with urlopen(f"{proxy.root}/api/listings?limit=1", timeout=PATIENCE_SECONDS) as page:
        following = page.headers["Link"].partition(">")[0].removeprefix("<")
    assert len(get(proxy.address, following)) == 1
    name = get(proxy.root, "/api/models/A%2FB%201")["model"]
    assert name == "A/B 1"


def test_pages_lead_through_the_proxy(proxy: Proxy) -> None:
    """Follows every link on the pages for one model, a listing and an import, and loads their
    assets."""
    asked: set[str] = set()
    waiting = [f"{proxy.prefix}/", f"{proxy.prefix}/models/A/B%201"]
    while waiting and len(asked) < MOST_LINKS:
        path = waiting.pop(0)
        if path in asked:
            continue
        asked.add(path)
        request = Request(proxy.address + path, headers={"Accept": ACCEPT})
        with urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            assert answer.status == 200
            if answer.headers.get_content_type() == "text/html":
                text = answer.read().decode()
                found = re.findall(r'(href|src|action)="(/[^"#]*)', text)
                assert all(link.startswith(f"{proxy.prefix}/") for _, link in found), path
                waiting += [unescape(link) for name, link in found if name != "action"]


def test_a_client_can_not_choose_the_addresses(proxy: Proxy) -> None:
    forged = {
        "X-Forwarded-Prefix": "/evil",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "Accept": ACCEPT,
    }
    with urlopen(Request(f"{proxy.root}/docs", headers=forged), timeout=PATIENCE_SECONDS) as answer:
        text = answer.read().decode()
    assert "evil" not in text
    assert f"{proxy.root}/api/listings" in text


def _megabytes(count: int) -> Iterator[bytes]:
    """A CSV of this many megabytes, generated while it is sent. Each row has a long title and no
    score, because none of it has to be imported."""
    yield b"model,price_usd,score,title\n"
    row = b"L4,1,x," + b"x" * (2**19 - 8) + b"\n"
    for _ in range(2 * count):
        yield row


def _send(proxy: Proxy, pieces: Callable[[], Iterator[bytes]]) -> dict[str, Any]:
    """Sends a body piece by piece, with its length; returns the status from the 202 answer."""
    connection = HTTPConnection(urlsplit(proxy.address).netloc, timeout=PATIENCE_SECONDS)
    headers = {
        "Content-Type": "text/csv",
        "Content-Length": str(sum(len(piece) for piece in pieces())),
        "Prefer": "respond-async",
    }
    connection.request("POST", f"{proxy.prefix}/api/import", pieces(), headers)
    answer = connection.getresponse()
    content: dict[str, Any] = json.load(answer)
    assert answer.status == 202, content
    assert answer.headers["Location"].startswith(f"{proxy.prefix}/api/imports/")
    connection.close()
    return content


def test_a_hundred_megabytes_arrive_whole(proxy: Proxy) -> None:
    sent = _send(proxy, lambda: _megabytes(100))
    digest = sha256()
    for piece in _megabytes(100):
        digest.update(piece)
    with urlopen(proxy.address + sent["links"]["file"], timeout=PATIENCE_SECONDS) as kept:
        received = sha256()
        while block := kept.read(2**20):
            received.update(block)
    assert received.hexdigest() == digest.hexdigest()
    final_status(proxy.root, sent["import_id"])


def test_a_long_poll_ends_before_the_time_out_of_nginx(
    long_poll: "Future[tuple[float, Any]]",
) -> None:
    seconds, events = long_poll.result(timeout=300)
    assert events == []
    assert seconds < NGINX_TIME_OUT_SECONDS
