"""Bodies in chunks: parsed strictly, however they are split into packets."""

import pytest

from glyphd.request_errors import MalformedBody
from glyphd.server.chunks import ChunkReceiver
from glyphd.server.spools import BodyBuffer
from tests.server.wire import GET, Serve, problem_of, read_answer

HEAD = b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
WHOLE = b'3;name="v"\r\nabc\r\n0A \r\n0123\r\n6789\r\n0;last\r\nA-Trailer: x\r\n\r\n'
BODY = b"abc0123\r\n6789"
REFUSED = {
    "a bare line feed after a size": b"3\nabc\r\n0\r\n\r\n",
    "a line feed before the line's end": b"3\n\r\nabc\r\n0\r\n\r\n",
    "a line feed within an extension": b"3;a\nb\r\nabc\r\n0\r\n\r\n",
    "a carriage return within an extension": b"3;a\rb\r\nabc\r\n0\r\n\r\n",
    "a bare line feed after a chunk": b"3\r\nabc\n0\r\n\r\n",
    "a blank line between chunks": b"3\r\nabc\r\n\r\n0\r\n\r\n",
    "a blank line first": b"\r\n3\r\nabc\r\n0\r\n\r\n",
    "a longer chunk than is said": b"2\r\nabc\r\n0\r\n\r\n",
    "no size": b";a\r\nabc\r\n0\r\n\r\n",
    "a sign": b"+3\r\nabc\r\n0\r\n\r\n",
    "a prefix": b"0x3\r\nabc\r\n0\r\n\r\n",
    "an underscore": b"0_3\r\nabc\r\n0\r\n\r\n",
    "a blank before the size": b" 3\r\nabc\r\n0\r\n\r\n",
    "a size beyond all bounds": b"f" * 17 + b"\r\nabc\r\n0\r\n\r\n",
    "a trailer that is no header": b"0\r\nGET / HTTP/1.1\r\n\r\n",
    "a bare line feed after a trailer": b"0\r\nA: b\n\r\n",
    "a bare line feed at the end": b"0\r\n\n",
}


@pytest.mark.parametrize("sent", REFUSED.values(), ids=REFUSED)
def test_what_another_server_could_read_differently_is_refused(serve: Serve, sent: bytes) -> None:
    answer = serve().ask(HEAD + sent)
    assert (answer.status, problem_of(answer)["code"]) == (400, "malformed_body")
    assert answer.headers["Connection"] == "close"


@pytest.mark.parametrize("size", range(1, len(WHOLE) + 1))
def test_it_makes_no_difference_where_a_packet_ends(size: int) -> None:
    receiver = ChunkReceiver(BodyBuffer(most_in_memory=100))
    taken = sum(receiver.received(WHOLE[at : at + size]) for at in range(0, len(WHOLE), size))
    assert (receiver.completed, taken, receiver.getfile().read()) == (True, len(WHOLE), BODY)


def test_what_follows_is_left_for_the_next_request(serve: Serve) -> None:
    receiver = ChunkReceiver(BodyBuffer(most_in_memory=100))
    assert receiver.received(WHOLE + b"GET") == len(WHOLE)
    with serve().connect() as connection:
        connection.sendall(HEAD + WHOLE + GET)
        assert [read_answer(connection).body for _ in range(2)] == [str(len(BODY)).encode(), b"0"]


def test_lines_and_trailers_have_an_end() -> None:
    for endless in (b"1;" + b"a" * 5000, b"0\r\n" + b"A: b\r\n" * 10_000):
        with pytest.raises(MalformedBody, match="end"):
            ChunkReceiver(BodyBuffer(most_in_memory=100)).received(endless)
