"""Requests that two servers could interpret differently are refused, and the connection is
closed."""

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from tests.server.wire import GET, Serve, post, problem_of, read_answer, read_to_the_end

POST = b"POST / HTTP/1.1\r\nHost: test\r\n"
CHUNK = b"3\r\nabc\r\n0\r\n\r\n"
REFUSED = {
    "an empty coding": (POST + b"Transfer-Encoding: ,\r\n\r\n", 400, "invalid_request"),
    "an empty coding and chunked": (
        POST + b"Transfer-Encoding: , chunked\r\n\r\n" + CHUNK,
        400,
        "invalid_request",
    ),
    "chunked twice": (
        POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n" + CHUNK,
        400,
        "invalid_request",
    ),
    "chunked twice in two headers": (
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNK,
        400,
        "invalid_request",
    ),
    "no coding": (POST + b"Transfer-Encoding:\r\n\r\n", 400, "invalid_request"),
    "no coding beside a length": (
        POST + b"Transfer-Encoding:\r\nContent-Length: 3\r\n\r\nabc",
        400,
        "invalid_request",
    ),
    "identity": (POST + b"Transfer-Encoding: identity\r\n\r\n", 501, "not_supported"),
    "a coding of its own": (
        POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n",
        501,
        "not_supported",
    ),
    "a tab within the coding": (
        POST + b"Transfer-Encoding: chun\tked\r\n\r\n",
        501,
        "not_supported",
    ),
    "a folded coding": (
        POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + CHUNK,
        400,
        "invalid_request",
    ),
    "no host": (b"GET /api/health HTTP/1.1\r\n\r\n", 400, "invalid_host"),
    "two hosts": (GET[:-2] + b"Host: test\r\n\r\n", 400, "invalid_host"),
    "two hosts under 1.0": (b"GET / HTTP/1.0\r\nHost: a\r\nhost: a\r\n\r\n", 400, "invalid_host"),
    "a later version": (b"GET / HTTP/2.0\r\nHost: test\r\n\r\n", 505, "http_version_not_supported"),
    "the preface of HTTP/2": (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        505,
        "http_version_not_supported",
    ),
    "an unknown version": (
        b"GET / HTTP/1.2\r\nHost: test\r\n\r\n",
        505,
        "http_version_not_supported",
    ),
    "an early version": (b"GET / HTTP/0.9\r\n\r\n", 505, "http_version_not_supported"),
    "no version": (b"GET /\r\n\r\n", 400, "invalid_request"),
    "a version of three parts": (b"GET / HTTP/1.1.1\r\nHost: test\r\n\r\n", 400, "invalid_request"),
    "a blank in the target": (b"GET /a b HTTP/1.1\r\nHost: test\r\n\r\n", 400, "invalid_request"),
    "two slashes at the start": (GET.replace(b" / ", b" //api/health "), 400, "invalid_request"),
    "two slashes behind a host": (
        GET.replace(b" / ", b" http://test//api/health "),
        400,
        "invalid_request",
    ),
    "a fragment in the target": (GET.replace(b" / ", b" /a#b "), 400, "invalid_request"),
    "another host in the target": (GET.replace(b" / ", b" http://other/ "), 400, "invalid_host"),
    "another port in the target": (GET.replace(b" / ", b" http://test:81/ "), 400, "invalid_host"),
    "an encoded slash": (GET.replace(b" / ", b" /api%2fhealth "), 400, "invalid_request"),
    "an encoded slash behind a host": (
        GET.replace(b" / ", b" http://test/api%2Fhealth "),
        400,
        "invalid_request",
    ),
    "an encoded slash at the start": (
        GET.replace(b" / ", b" /%2Fapi/health "),
        400,
        "invalid_request",
    ),
    "a control character": (GET[:-2] + b"A: b\x1bc\r\n\r\n", 400, "invalid_request"),
    "a name with a blank": (GET[:-2] + b"A : b\r\n\r\n", 400, "invalid_request"),
    "a folded header": (GET[:-2] + b"A: b\r\n c\r\n\r\n", 400, "invalid_request"),
}


def path_info(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    body = environ["PATH_INFO"].encode("latin-1")
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


@pytest.mark.parametrize(("sent", "status", "code"), REFUSED.values(), ids=REFUSED)
def test_is_refused_and_the_connection_closed(
    serve: Serve, sent: bytes, status: int, code: str
) -> None:
    with serve().connect() as connection:
        connection.sendall(sent)
        answer = read_answer(connection)
        assert (answer.status, problem_of(answer)["code"]) == (status, code)
        assert answer.headers["Connection"] == "close"
        assert read_to_the_end(connection) == b""


CLOSING = [b"keep-alive, close", b"close, keep-alive", b"x ,\tClose", b"a\r\nConnection: close"]


@pytest.mark.parametrize("value", CLOSING)
def test_close_among_others_closes(serve: Serve, value: bytes) -> None:
    with serve().connect() as connection:
        connection.sendall(GET[:-2] + b"Connection: %b\r\n\r\n" % value + GET)
        assert read_to_the_end(connection).count(b"HTTP/1.1 200 OK") == 1


@pytest.mark.parametrize("value", [b"keep-alive", b"closed", b"x-close"])
def test_other_words_do_not(serve: Serve, value: bytes) -> None:
    with serve().connect() as connection:
        for _ in range(2):
            connection.sendall(GET[:-2] + b"Connection: %b\r\n\r\n" % value)
            assert read_answer(connection).status == 200


@pytest.mark.parametrize("coding", [b"chunked", b"Chunked", b" \tchunked\t "])
def test_chunked_is_taken_in_any_case(serve: Serve, coding: bytes) -> None:
    assert serve().ask(POST + b"Transfer-Encoding:%b\r\n\r\n" % coding + CHUNK).body == b"3"


@pytest.mark.parametrize(
    ("path", "received"),
    [
        (b"/api/models/A%2FB", b"/api/models/A/B"),
        (b"http://test/api/models/A%2fB", b"/api/models/A/B"),
        (b"/models/A%2FB", b"/models/A/B"),
    ],
)
def test_the_name_of_a_model_may_hold_a_slash(serve: Serve, path: bytes, received: bytes) -> None:
    assert serve(path_info).ask(GET.replace(b" / ", b" %b " % path)).body == received


@pytest.mark.parametrize(
    "path", [b"/a//b", b"/a/?q=//x%2Fy", b"/a%20b", b"/%C3%A9", b"http://TEST/a"]
)
def test_other_paths_reach_the_application(serve: Serve, path: bytes) -> None:
    assert serve(path_info).ask(GET.replace(b" / ", b" %b " % path)).status == 200


def test_blank_lines_before_a_request_are_passed_over(serve: Serve) -> None:
    with serve().connect() as connection:
        for part in (
            b"\r\n" * 5 + GET,
            b"\r\n",
            b"\n",
            b"\r\n" + post(3)[:5],
            post(3)[5:] + b"abc",
        ):
            connection.sendall(part)
        assert [read_answer(connection).body for _ in range(2)] == [b"0", b"3"]
