"""A connection serves one request after another, whatever the answers are."""

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from tests.server.wire import Serve, is_closed, read_answer

TIMES = 3


def _answering(status: str, *headers: tuple[str, str], body: bytes = b"") -> object:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(status, list(headers))
        return [body] if body else []

    return app


def _request(method: str, *headers: str, version: str = "1.1") -> bytes:
    lines = [f"{method} / HTTP/{version}", "Host: test", *headers, "", ""]
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize(
    ("method", "app", "status"),
    [
        ("GET", _answering("304 Not Modified", ("ETag", '"a"')), 304),
        ("HEAD", _answering("304 Not Modified", ("ETag", '"a"')), 304),
        ("GET", _answering("204 No Content"), 204),
        ("DELETE", _answering("204 No Content"), 204),
        ("HEAD", _answering("200 OK", ("Content-Length", "5"), body=b"hello"), 200),
        ("GET", _answering("200 OK", ("Content-Length", "5"), body=b"hello"), 200),
        ("GET", _answering("200 OK", ("Content-Length", "9000"), body=b"hello" * 1800), 200),
    ],
)
def test_an_answer_leaves_the_connection_open(
    serve: Serve, method: str, app: object, status: int
) -> None:
    server = serve(app)
    with server.connect() as connection:
        for _ in range(TIMES):
            connection.sendall(_request(method))
            answer = read_answer(connection, method)
            assert (answer.status, answer.headers["Connection"]) == (status, None)
        assert not is_closed(connection)


@pytest.mark.parametrize("status", ["304 Not Modified", "204 No Content"])
def test_an_answer_without_a_body_ends_with_its_headers(serve: Serve, status: str) -> None:
    server = serve(_answering(status))
    with server.connect() as connection:
        connection.sendall(_request("GET"))
        headers = read_answer(connection).headers
    assert headers["Content-Length"] is None
    assert headers["Transfer-Encoding"] is None


@pytest.mark.parametrize("status", ["304 Not Modified", "204 No Content"])
@pytest.mark.parametrize(
    "request_", [_request("GET", "Connection: close"), _request("GET", version="1.0")]
)
def test_a_client_that_wants_no_more_is_let_go(serve: Serve, status: str, request_: bytes) -> None:
    server = serve(_answering(status))
    with server.connect() as connection:
        connection.sendall(request_)
        assert read_answer(connection).headers["Connection"] == "close"
        assert is_closed(connection)
