"""Tokens in real processes: changes take effect while the service runs, requests are refused before
their body is read, and no log shows a token."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from glyphd.token_text import new_token
from tests.e2e.processes import GLYPHD, PATIENCE_SECONDS, data_in, run, serving, until
from tests.e2e.sockets import connect, read_all

CSV = b"model,price_usd,score\nL4,1,1\n"
LARGE = 1 << 30


def _status(address: str, path: str = "/api/listings", **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urlopen(Request(address + path, headers=named), timeout=PATIENCE_SECONDS) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _new(environment: dict[str, str], name: str, *options: str) -> str:
    found = run("token", "create", name, *options, environment=environment)
    assert found.returncode == 0, found.stderr
    return found.stdout.strip()


def test_what_the_commands_do_holds_when_they_return(tmp_path: Path) -> None:
    environment = data_in(tmp_path / "data")
    with serving("--no-worker", environment=environment) as api:
        assert _status(api.address) == 200
        token = _new(environment, "reader", "--scope", "read")
        assert (_status(api.address), _status(api.address, **_bearer(token))) == (401, 200)
        assert run("token", "revoke", "reader", environment=environment).returncode == 0
        assert _status(api.address, **_bearer(token)) == 401


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return data_in(tmp_path_factory.mktemp("locked") / "data")


@pytest.fixture(scope="module")
def reader(environment: dict[str, str]) -> str:
    return _new(environment, "reader", "--scope", "read")


@pytest.fixture(scope="module")
def locked(environment: dict[str, str], reader: str) -> Iterator[str]:
    with serving("--no-worker", environment=environment) as api:
        yield api.address


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ("", 401, "unauthorized"),
        ("Cookie: glyphd_session=made-up\r\n", 401, "unauthorized"),
        (f"Authorization: Bearer {new_token()}\r\n", 401, "invalid_token"),
        ("Authorization: Bearer {reader}\r\n", 403, "insufficient_scope"),
    ],
    ids=["nothing", "cookie", "unknown", "reader"],
)
def test_a_body_that_nobody_may_send_is_not_received(
    locked: str, reader: str, sent: str, status: int, code: str
) -> None:
    """The client sends none of the body, and still gets an answer."""
    client = connect(locked)
    head = (
        "POST /api/import HTTP/1.1\r\nHost: test\r\nContent-Type: text/csv\r\n"
        f"Content-Length: {LARGE}\r\n{sent.replace('{reader}', reader)}\r\n"
    )
    client.sendall(head.encode())
    found, body = read_all(client)
    assert (found, json.loads(body)["code"]) == (status, code)


def test_health_needs_no_token(locked: str) -> None:
    assert _status(locked, "/api/health") == 200
    assert _status(locked, "/api/ready") == 503  # there is no worker


def _everywhere(token: str) -> list[tuple[str, dict[str, str]]]:
    """Requests with a token in the wrong places."""
    return [
        (f"/api/imports/{token}", {}),
        (f"/{token}", {"Accept": "text/html"}),
        (f"/api/listings?token={token}", {}),
        (f"/api/listings?{token}=1", {}),
        (f"/api/listings?min_price={token}", {}),
        ("/api/listings", {"Authorization": token}),
        ("/api/listings", {"Authorization": f"Basic {token}"}),
        ("/api/listings", {"X-Request-Id": token}),
        ("/api/listings", {"X-Api-Key": token}),
        ("/api/listings", {"User-Agent": token}),
        ("/api/listings", {"Cookie": f"glyphd_session={token}"}),
        ("/api/listings", {"Host": f"{token}.example"}),
        ("/api/listings", {"Accept": token}),
        (f"/login?next=/{token}", {"Accept": "text/html"}),
    ]


def _at_feed(feed: str) -> list[tuple[str, dict[str, str], bytes | None]]:
    """Valid and invalid requests for the address of a feed."""
    return [
        (feed, {}, None),
        (f"{feed}?limit=1", {}, None),
        (f"{feed}/more", {}, None),
        (feed.replace("/feed/", "//feed//"), {}, None),
        (f"/prefix{feed.upper()}/{feed}", {}, None),
        (feed.replace("/feed", "/fe%65d"), {}, None),
        (feed.replace("/feed/", "/feed%2F"), {"Accept": "text/html"}, None),
        (feed, {"Host": "evil.example"}, None),
        (feed, {"Transfer-Encoding": "unknown"}, None),
        (feed, {}, b"what a reader does not send"),
    ]


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_log_and_no_answer_shows_a_token(tmp_path: Path, log_format: str) -> None:
    environment = data_in(tmp_path / "data") | {
        "GLYPHD_LOG_LEVEL": "DEBUG",
        "GLYPHD_LOG_FORMAT": log_format,
    }
    token = _new(environment, "boss", "--scope", "admin")
    answers: list[str] = []
    with (tmp_path / "log").open("wb") as log:
        popen = subprocess.Popen(
            [GLYPHD, "serve", "--port", "0"],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            assert popen.stdout is not None
            address = f"http://127.0.0.1:{popen.stdout.readline().split(':')[-1].split()[0]}"
            for path, headers in _everywhere(token):
                answers.append(_answer(address, path, headers))
                answers.append(_answer(address, path, _bearer(token) | headers))
            wrong = token[:-1] + ("0" if token[-1] != "0" else "1")
            answers.append(_answer(address, "/api/listings", _bearer(wrong)))
            form = f"token={wrong}&next=/".encode()
            page = {"Accept": "text/html", "Content-Type": "application/x-www-form-urlencoded"}
            answers.append(_answer(address, "/login", page, form))
            csv = {"Content-Type": "text/csv", **_bearer(token)}
            answers.append(_answer(address, f"/api/import?filename={token}", csv, b"no,csv"))
            answers.append(_answer(address, f"/api/import?{token}", csv, CSV))
            json_type = {"Content-Type": "application/json", **_bearer(token)}
            watch = _answer(
                address, "/api/watches", json_type, b'{"name": "any", "condition": "new"}'
            )
            feed = json.loads(watch.partition("\r\n\r\n")[2])["links"]["feed"]
            for path, headers, body in _at_feed(feed):
                _answer(address, path, headers, body)
        finally:
            popen.terminate()
            said, _ = popen.communicate(timeout=PATIENCE_SECONDS)
    text = (tmp_path / "log").read_text() + said
    secret = token.split("_")[2]
    assert "request_answered" in text
    assert secret[:20] not in text
    assert text.count("/feed/…") >= 3
    assert feed.rpartition("/")[2].lower() not in text.lower()
    assert [answer for answer in answers if secret[:20] in answer] == []


def _answer(address: str, path: str, headers: dict[str, str], body: bytes | None = None) -> str:
    """Status line, headers and body of the answer; redirects are not followed."""
    parts = urlsplit(address)
    lines = {"Host": "test", "Connection": "close", "Content-Length": str(len(body or b""))}
    method = "POST" if body is not None else "GET"
    head = "".join(f"{name}: {value}\r\n" for name, value in (lines | headers).items())
    client = connect(f"http://{parts.netloc}")
    client.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + (body or b""))
    received = bytearray()
    with client:
        while block := client.recv(65536):
            received += block
    return received.decode()


def test_a_tokens_file_is_followed_while_the_service_runs(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    token, other = new_token(), new_token()
    file.write_text(f"# for the test\ncron read {token}\n")
    environment = data_in(tmp_path / "data") | {"GLYPHD_TOKENS_FILE": str(file)}
    with serving("--no-worker", environment=environment) as api:
        assert (_status(api.address), _status(api.address, **_bearer(token))) == (401, 200)
        file.write_text(f"cron read {other}\n")
        until(lambda: _status(api.address, **_bearer(other)) == 200)
        assert _status(api.address, **_bearer(token)) == 401
        file.write_text("cron read nonsense\n")
        assert _status(api.address, **_bearer(other)) == 200
    del environment["GLYPHD_TOKENS_FILE"]
    with serving("--no-worker", environment=environment) as api:
        assert _status(api.address) == 401


def test_a_bad_tokens_file_fails_the_start_with_one_line(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    token = new_token()
    file.write_text(f"a read {token}\n\nb rad {new_token()}\n")
    environment = data_in(tmp_path / "data") | {"GLYPHD_TOKENS_FILE": str(file)}
    found = run("serve", "--port", "0", environment=environment)
    assert (found.returncode, found.stdout) == (2, "")
    expected = (
        f"glyphd: GLYPHD_TOKENS_FILE={file}: line 3: 'rad' is not a scope: use read, write, admin"
    )
    assert found.stderr.splitlines() == [expected]
