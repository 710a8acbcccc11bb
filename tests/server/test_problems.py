"""The server's own answers are problem documents, whatever was wrong."""

import re

import pytest
from structlog.testing import capture_logs

from glyphd.api.request_ids import request_id_from
from glyphd.errors import StorageFull
from glyphd.request_errors import MalformedBody, TooLarge
from glyphd.server.early_problems import Refusal
from tests.server.apps import broken
from tests.server.wire import GET, Serve, post, problem_of, read_to_the_end

CHUNKED = b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
LONG = b"x" * 40_000

REFUSED = {
    "no request": (b"hello\r\n\r\n", 400, "invalid_request"),
    "lower-case method": (b"get / HTTP/1.1\r\n\r\n", 400, "invalid_request"),
    "bare line feed": (b"GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n", 400, "invalid_request"),
    "target of half an address": (b"GET http://[ HTTP/1.1\r\n\r\n", 400, "invalid_request"),
    "negative length": (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400, "invalid_request"),
    "endless length": (
        b"POST / HTTP/1.1\r\nContent-Length: %b\r\n\r\n" % (b"9" * 5000),
        400,
        "invalid_request",
    ),
    "length beyond all bounds": (post(3).replace(b"3\r", b"%b\r" % (b"9" * 30)), 413, "too_large"),
    "two lengths": (
        b"POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
        400,
        "invalid_request",
    ),
    "length and chunks": (CHUNKED[:-2] + b"Content-Length: 3\r\n\r\n", 400, "invalid_request"),
    "chunks under 1.0": (CHUNKED.replace(b"1.1", b"1.0"), 400, "invalid_request"),
    "unknown transfer": (CHUNKED.replace(b"chunked", b"gzip"), 501, "not_supported"),
    "chunk without a size": (CHUNKED + b"zz\r\n", 400, "malformed_body"),
    "chunk without an end": (CHUNKED + b"1\r\nabc\r\n", 400, "malformed_body"),
    "endless chunk header": (CHUNKED + LONG, 400, "malformed_body"),
    "endless trailer": (CHUNKED + b"0\r\nA: " + LONG, 400, "malformed_body"),
    "long target": (b"GET /" + LONG + b" HTTP/1.1\r\nHost: test\r\n\r\n", 431, "headers_too_large"),
    "long headers": (GET[:-2] + b"A: " + LONG + b"\r\n\r\n", 431, "headers_too_large"),
}


@pytest.mark.parametrize("sent, status, code", REFUSED.values(), ids=REFUSED)
def test_refuses_with_a_problem(serve: Serve, sent: bytes, status: int, code: str) -> None:
    answer = serve().ask(sent)
    assert answer.status == status
    assert problem_of(answer)["code"] == code
    assert answer.headers["Connection"] == "close"


def test_a_refusal_leaves_a_line(serve: Serve) -> None:
    head = (
        b"POST /api/import HTTP/1.1\r\nHost: test\r\nX-Request-Id: mine\r\nContent-Length: "
        b"99999999999\r\n\r\n"
    )
    with capture_logs() as lines:
        serve().ask(head)
    (line,) = [dict(line) for line in lines if line["event"] == "request_refused"]
    assert "bytes" in line.pop("reason")
    assert line == {
        "event": "request_refused",
        "log_level": "info",
        "status": 413,
        "code": "too_large",
        "method": "POST",
        "path": "/api/import",
        "size_bytes": 99999999999,
        "client": "127.0.0.1",
        "request_id": "mine",
    }


def test_headers_of_just_under_32_kib_are_taken(serve: Serve) -> None:
    assert serve().ask(GET[:-2] + b"A: " + b"x" * 32_000 + b"\r\n\r\n").status == 200


def test_an_app_that_breaks_down_gives_nothing_away(serve: Serve) -> None:
    answer = serve(broken).ask(GET)
    assert answer.status == 500
    assert problem_of(answer)["code"] == "internal_error"
    assert not re.search(rb"secret|Traceback|RuntimeError|\.py", answer.body)


@pytest.mark.parametrize(
    "sent",
    [b"HEAD /" + LONG + b" HTTP/1.1\r\n\r\n", b"HEAD / HTTP/1.1\r\nContent-Length: x\r\n\r\n"],
    ids=["long", "bad header"],
)
def test_a_refused_head_has_no_body(serve: Serve, sent: bytes) -> None:
    with serve().connect() as connection:
        connection.sendall(sent)
        head, _, body = read_to_the_end(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.")
    assert body == b""


def test_a_head_that_breaks_the_app_has_no_body(serve: Serve) -> None:
    with serve(broken).connect() as connection:
        connection.sendall(b"HEAD / HTTP/1.1\r\nHost: test\r\n\r\n")
        assert read_to_the_end(connection).endswith(b"\r\n\r\n")


def test_the_clients_request_id_comes_back(serve: Serve) -> None:
    sent = b"GET / HTTP/1.1\r\nHost: test\r\nX-Request-Id: run-7\r\n\r\n"
    assert serve(broken).ask(sent).headers["X-Request-Id"] == "run-7"


@pytest.mark.parametrize("sent", ["", "a b", "x" * 65, "<script>", "a\x1b[0m"])
def test_a_request_id_that_is_not_sane_is_replaced(sent: str) -> None:
    assert re.fullmatch("[0-9a-f]{32}", request_id_from(sent))


@pytest.mark.parametrize(
    "failure, status",
    [(TooLarge(""), 413), (StorageFull(""), 503), (MalformedBody(""), 400)],
)
def test_a_failure_has_the_status_of_its_class(failure: MalformedBody, status: int) -> None:
    assert Refusal(failure).code == status
