"""The access rule over the wire: a refused request's body is not received."""

import pytest

from glyphd.api.access import AccessRule
from glyphd.server import Rules
from glyphd.settings import Settings
from tests.server.wire import RunningServer, Serve, problem_of, read_to_the_end

MIB = 1 << 20
PROXIED = ["Host: upstream", "Origin: https://gpu.example.com", "X-Forwarded-Host: gpu.example.com"]
FORM = ["Host: localhost", "Origin: http://evil.example", "Sec-Fetch-Site: cross-site"]


@pytest.fixture
def guarded(serve: Serve) -> RunningServer:
    """A server with the access rule of the default settings."""
    return serve(rules=Rules(check_access=AccessRule.from_settings(Settings()).check))


def _head(*headers: str, method: str = "GET", path: str = "/", version: str = "1.1") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/{version}", *headers, "", ""]).encode()


def _upload(*headers: str) -> bytes:
    return _head(*headers, f"Content-Length: {MIB}", "Expect: 100-continue", method="POST")


@pytest.mark.parametrize("size", [f"Content-Length: {MIB}", "Transfer-Encoding: chunked"])
def test_the_body_of_a_foreign_form_is_not_asked_for(guarded: RunningServer, size: str) -> None:
    with guarded.connect() as connection:
        connection.sendall(_head(*FORM, size, "Expect: 100-continue", method="POST"))
        answer = read_to_the_end(connection)
    assert answer.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert b'"code":"cross_site_request"' in answer


def test_a_place_is_not_taken_by_a_refused_upload(serve: Serve) -> None:
    server = serve(max_uploads_in_flight=0, rules=Rules(check_access=AccessRule().check))
    assert problem_of(server.ask(_upload(*FORM)))["code"] == "cross_site_request"
    assert problem_of(server.ask(_upload("Host: localhost")))["code"] == "too_many_uploads"


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST"])
def test_a_foreign_host_is_refused(guarded: RunningServer, method: str) -> None:
    answer = guarded.ask(_head("Host: evil.example", method=method), method)
    assert answer.status == 421
    assert answer.headers["Connection"] == "close"


@pytest.mark.parametrize(
    "headers",
    [
        [],
        ["Host:"],
        ["Host: localhost", "Host: evil.example"],
        ["Host: evil.example", "host: localhost"],
        ["Host: localhost", "Host: localhost"],
        ["Host: localhost", "Host:"],
        ["Host:", "Host: localhost"],
        ["Host: localhost", "X: y", "Host: a"],
        ["Host: localhost, evil.example"],
        ["Host: user@localhost"],
    ],
    ids=str,
)
def test_under_1_1_exactly_one_host_is_needed(guarded: RunningServer, headers: list[str]) -> None:
    answer = guarded.ask(_head(*headers))
    assert (answer.status, problem_of(answer)["code"]) == (400, "invalid_host")


def test_before_1_1_none_is_needed(guarded: RunningServer) -> None:
    assert guarded.ask(_head(version="1.0")).status == 200
    assert guarded.ask(_head("Host: evil.example", version="1.0")).status == 421
    assert guarded.ask(_head("Host: a", "Host: b", version="1.0")).status == 400


@pytest.mark.parametrize("path", ["/api/health", "/api/ready?x=1"])
def test_probes_may_ask_for_any_host_but_not_for_two(guarded: RunningServer, path: str) -> None:
    assert guarded.ask(_head(path=path, version="1.0")).status == 200
    assert guarded.ask(_head("Host: evil.example", path=path)).status == 200
    for headers in ([], ["Host: a", "Host: b"]):
        assert problem_of(guarded.ask(_head(*headers, path=path)))["code"] == "invalid_host"


def test_each_request_of_a_connection_is_looked_at(guarded: RunningServer) -> None:
    with guarded.connect() as connection:
        connection.sendall(
            _head("Host: localhost") + _head("Host: evil.example") + _head("Host: localhost")
        )
        answers = read_to_the_end(connection)
    assert [answers.count(status) for status in (b"HTTP/1.1 200", b"HTTP/1.1 421")] == [1, 1]


@pytest.mark.parametrize(("trusted", "status"), [("127.0.0.1", 200), ("10.0.0.0/8", 403)])
def test_the_proxy_is_known_by_its_address(serve: Serve, trusted: str, status: int) -> None:
    rule = AccessRule.from_settings(Settings(trusted_proxies=trusted))
    server = serve(rules=Rules(check_access=rule.check))
    assert server.ask(_head(*PROXIED, "Content-Length: 0", method="POST")).status == status
