"""`glyphd serve --processes 2`: two API processes behave as one service, even when one of them is
killed."""

import json
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families as read_text

from glyphd.api.failed_tokens import MOST_FAILURES
from tests.e2e.processes import (
    PATIENCE_SECONDS,
    Process,
    data_in,
    final_status,
    get,
    many_offers,
    run,
    serving,
    until,
    upload,
)
from tests.e2e.sockets import begin_download, begin_upload, connect, read_all

PAGE = "/api/listings?limit=1"
LARGE = b"x" * 1_000_000


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Process]:
    """Two processes that together accept two uploads at a time."""
    limits = {"GLYPHD_PROCESSES": "2", "GLYPHD_MAX_UPLOADS_IN_FLIGHT": "2"}
    with serving(environment=data_in(tmp_path / "data") | limits) as found:
        yield found


def _api_processes(service: Process) -> list[psutil.Process]:
    return [child for child in service.children() if "api-process" in child.cmdline()]


def _counters(service: Process) -> dict[tuple[str, str], float]:
    """Every series that must never decrease, by its name and labels."""
    with urlopen(f"{service.address}/metrics", timeout=PATIENCE_SECONDS) as answer:
        families = read_text(answer.read().decode())
    return {
        (sample.name, json.dumps(sample.labels)): sample.value
        for family in families
        for sample in family.samples
        if sample.name.endswith(("_total", "_count", "_sum", "_bucket"))
    }


def _answered(service: Process) -> float:
    """How many requests for listings were answered."""
    return sum(
        value
        for (name, labels), value in _counters(service).items()
        if name == "glyphd_http_requests_total" and '"/api/listings"' in labels
    )


def _require_growth(service: Process, before: dict[tuple[str, str], float]) -> None:
    now = _counters(service)
    gone_back = {series for series, value in before.items() if now.get(series, 0) < value}
    assert not gone_back


def test_one_that_is_killed_is_replaced_and_takes_only_its_connections_along(
    service: Process,
) -> None:
    one, two = _api_processes(service)
    with ExitStack() as stack:
        kept = [stack.enter_context(connect(service.address)) for _ in range(4)]
        uploads = [stack.enter_context(begin_upload(service.address, LARGE, sent=9))]
        uploads.append(stack.enter_context(begin_upload(service.address, LARGE, sent=9)))
        assert _refusal(service) == "too_many_uploads"
        before, pages = _counters(service), _answered(service)
        one.kill()
        for number in range(20):
            get(service.address, PAGE)
            _require_growth(service, before)
            assert _answered(service) == pages + number + 1
        until(lambda: len(_api_processes(service)) == 2)
        lost = [connection for connection in (*kept, *uploads) if _is_lost(connection)]
        assert 0 < len(lost) < len(kept) + len(uploads)
        if any(connection in lost for connection in uploads):
            until(lambda: _refusal(service) is None)
        _require_growth(service, before)
    assert two in _api_processes(service)
    accepted = upload(service.address, many_offers(10))
    assert final_status(service.address, accepted["import_id"])["record_count"] == 10


def _refusal(service: Process) -> str | None:
    """The code with which another upload is refused, None if it is accepted."""
    body = many_offers(20_000)
    try:
        upload(service.address, body, Prefer="respond-async")
    except HTTPError as error:
        return str(json.load(error)["code"])
    return None


def _is_lost(connection: socket.socket) -> bool:
    connection.settimeout(0.05)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_told_to_stop_both_finish_what_is_under_way(service: Process) -> None:
    csv = many_offers(3000)
    final_status(service.address, upload(service.address, csv)["import_id"])
    downloads = [begin_download(service.address, "/api/listings?fields=price_usd") for _ in "1234"]
    half_sent = [begin_upload(service.address, csv, sent=len(csv) // 2) for _ in "12"]
    until(lambda: all(_connections(process) for process in _api_processes(service)))
    service.popen.send_signal(signal.SIGTERM)
    for connection in half_sent:
        connection.sendall(csv[len(csv) // 2 :])
        assert read_all(connection)[0] == 202
    for connection in downloads:
        status, listings = read_all(connection)
        assert (status, len(json.loads(listings))) == (200, 3000)
    assert service.popen.wait(PATIENCE_SECONDS) == 0


def _connections(process: psutil.Process) -> int:
    return sum(one.status == psutil.CONN_ESTABLISHED for one in process.net_connections("tcp"))


def test_while_one_is_frozen_the_other_takes_its_connections(service: Process) -> None:
    frozen, _ = _api_processes(service)
    frozen.suspend()
    try:
        with ExitStack() as stack:
            for _ in range(8):
                connection = stack.enter_context(connect(service.address))
                connection.sendall(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert connection.recv(12) == b"HTTP/1.1 200"
    finally:
        frozen.resume()


def test_both_count_wrong_tokens_and_know_at_once_who_signed_out(tmp_path: Path) -> None:
    environment = data_in(tmp_path / "data") | {"GLYPHD_PROCESSES": "2"}
    created = run("token", "create", "boss", "--scope", "admin", environment=environment)
    token = re.search(r"glyphd_\S+", created.stdout + created.stderr)
    assert token
    with serving(environment=environment) as service:
        found = [_status(service, Authorization="Bearer wrong") for _ in range(MOST_FAILURES + 2)]
        assert found == [401] * MOST_FAILURES + [429] * 2
        for _ in range(5):
            cookie = _sign_in(service, token[0])
            assert {_status(service, Cookie=cookie) for _ in range(6)} == {200}
            _post(service, "/logout", "", Cookie=cookie)
            assert {_status(service, Cookie=cookie) for _ in range(6)} == {401}


def _status(service: Process, **headers: str) -> int:
    try:
        with urlopen(Request(service.address + PAGE, headers=headers)) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


def _sign_in(service: Process, token: str) -> str:
    return _post(service, "/login", f"token={token}").partition(";")[0]


def _post(service: Process, path: str, form: str, **headers: str) -> str:
    """The cookie that the answer sets."""
    with socket.create_connection(("127.0.0.1", int(service.address.rpartition(":")[2]))) as opened:
        lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(form)}"]
        lines += ["Content-Type: application/x-www-form-urlencoded", "Accept: text/html"]
        lines += ["Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        opened.sendall(("\r\n".join([*lines, "", form])).encode())
        answer = b"".join(iter(lambda: opened.recv(65536), b"")).decode()
    found = re.search(r"(?i)\r\nset-cookie: ([^\r]*)", answer)
    assert found, answer[:500]
    return found[1]


def test_when_the_supervisor_is_killed_all_end_and_the_port_is_free(service: Process) -> None:
    children = service.children()
    assert len(children) == 3
    service.kill()
    psutil.wait_procs(children, PATIENCE_SECONDS)
    assert not any(child.is_running() for child in children)
    port = int(service.address.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)):
        pass
