"""Who may send a body: decided from the headers, before the body is read."""

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from waitress.adjustments import Adjustments

from glyphd.server import Rules, ServerLimits
from glyphd.server.admission import Admission
from glyphd.server.parsing import RequestParser
from tests.server.apps import Holding
from tests.server.wire import (
    GET,
    RunningServer,
    Serve,
    post,
    post_chunks,
    problem_of,
    read_answer,
    read_to_the_end,
    wait_until,
)

KIB, MIB = 1 << 10, 1 << 20
CHUNKED = b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"


def _is_taken(server: RunningServer) -> bool:
    """Whether an upload is accepted now. A place is released a moment after the answer, so a single
    try may be too early."""
    return server.ask(post(MIB) + b"x" * MIB).status == 200


def test_refuses_too_large_a_body_on_its_length_alone(serve: Serve) -> None:
    answer = serve(max_body_bytes=MIB).ask(post(MIB + 1))
    assert answer.status == 413
    assert problem_of(answer)["code"] == "too_large"


def test_a_client_that_waits_for_continue_is_refused_instead(serve: Serve) -> None:
    with serve(max_body_bytes=MIB).connect() as connection:
        connection.sendall(post(MIB + 1, "Expect: 100-continue"))
        assert read_to_the_end(connection).startswith(b"HTTP/1.1 413 ")


def test_a_client_that_sends_on_unasked_still_sees_why_it_was_refused(serve: Serve) -> None:
    with serve(max_body_bytes=MIB).connect() as connection:
        connection.sendall(post(32 * MIB))
        for _ in range(32):
            connection.sendall(b"x" * MIB)
        assert read_answer(connection).status == 413


def test_the_body_of_a_refused_request_is_not_taken_for_another(serve: Serve) -> None:
    holding = Holding()
    with serve(holding, max_body_bytes=5).connect() as connection:
        connection.sendall(post(37) + b"GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n")
        assert read_to_the_end(connection).count(b"HTTP/1.1 ") == 1
    assert not holding.asked.is_set()


def test_the_body_of_a_request_without_a_route_is_not_taken_for_another(serve: Serve) -> None:
    with serve(rules=Rules(has_route=lambda _: False)).connect() as connection:
        connection.sendall(post(len(GET)))
        answer = connection.recv(4096)
        connection.sendall(GET)
        answer += read_to_the_end(connection)
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "chunks", [[b"x" * (MIB + 1)], [b"x" * 64 * KIB] * 17], ids=["one", "many"]
)
def test_refuses_too_large_a_body_in_chunks(serve: Serve, chunks: list[bytes]) -> None:
    answer = serve(max_body_bytes=MIB).ask(post_chunks(*chunks))
    assert answer.status == 413
    assert problem_of(answer)["code"] == "too_large"


def test_takes_chunks_of_one_byte(serve: Serve) -> None:
    assert serve(max_body_bytes=100).ask(post_chunks(*[b"x"] * 100)).body == b"100"


def test_refuses_too_large_a_chunk_before_it_is_sent(serve: Serve) -> None:
    assert serve(max_body_bytes=MIB).ask(CHUNKED + b"ffffffffff\r\n").status == 413


def test_a_form_may_be_larger_than_the_file_in_it(serve: Serve) -> None:
    server = serve(max_body_bytes=10)
    assert (
        server.ask(post(20, "Content-Type: multipart/form-data; boundary=x") + b"x" * 20).status
        == 200
    )
    assert (
        server.ask(post(100 * KIB, "Content-Type: multipart/form-data; boundary=x")).status == 413
    )


@pytest.mark.parametrize("most", [100_000, 5], ids=["larger", "smaller"])
def test_json_has_a_limit_of_its_own_and_is_told_of_the_raw_form(serve: Serve, most: int) -> None:
    server = serve(max_body_bytes=10, max_json_bytes=most)
    assert server.ask(post(most, "Content-Type: application/json") + b"x" * most).status == 200
    answer = server.ask(post(most + 1, "Content-Type: application/json; charset=utf-8"))
    assert answer.status == 413
    assert "raw text/csv" in problem_of(answer)["detail"]


SMALL_CHUNK = b"%x\r\n%b\r\n" % (200 * KIB, b"x" * 200 * KIB)


@pytest.mark.parametrize("second", [post(MIB), CHUNKED + 2 * SMALL_CHUNK], ids=["length", "chunks"])
def test_refuses_an_upload_too_many_as_soon_as_it_is_seen_to_be_one(
    serve: Serve, second: bytes
) -> None:
    server = serve(max_uploads_in_flight=1)
    with server.connect() as first:
        first.sendall(post(MIB, "Expect: 100-continue"))
        assert first.recv(4096).startswith(b"HTTP/1.1 100")
        answer = server.ask(second)
    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert problem_of(answer)["code"] == "too_many_uploads"


def test_small_bodies_are_not_counted_as_uploads(serve: Serve) -> None:
    assert serve(max_uploads_in_flight=0).ask(post(256 * KIB) + b"x" * 256 * KIB).status == 200


def test_neither_are_small_bodies_in_chunks(serve: Serve) -> None:
    body = post_chunks(*[b"x" * 100 * KIB] * 2)
    assert serve(max_uploads_in_flight=0).ask(body).body == str(200 * KIB).encode()


def test_a_place_is_free_again_when_an_upload_is_done(serve: Serve) -> None:
    server = serve(max_uploads_in_flight=1)
    for _ in range(3):
        wait_until(lambda: _is_taken(server))


def test_a_place_stays_taken_while_the_app_is_at_work(serve: Serve) -> None:
    holding = Holding()
    server = serve(holding, max_uploads_in_flight=1, fair_seconds=0, fair_rate=1 << 40)
    with server.connect() as first:
        first.sendall(post(MIB) + b"x" * MIB)
        assert holding.asked.wait(10)
        assert server.ask(post(MIB)).status == 503
        holding.let_go.set()
        assert read_answer(first).status == 200
    wait_until(lambda: _is_taken(server))


def test_a_place_is_free_again_when_a_client_goes_away(serve: Serve) -> None:
    server = serve(max_uploads_in_flight=1)
    with server.connect() as first:
        first.sendall(post(MIB, "Expect: 100-continue"))
        assert first.recv(4096).startswith(b"HTTP/1.1 100")
    wait_until(lambda: _is_taken(server))


@pytest.mark.parametrize(
    "sent", [post(MIB) + b"x" * 600 * KIB, CHUNKED + 2 * SMALL_CHUNK], ids=["length", "chunks"]
)
def test_a_place_is_free_again_when_a_connection_breaks_in_the_midst(
    serve: Serve, sent: bytes
) -> None:
    server = serve(max_uploads_in_flight=1)
    with server.connect() as first:
        first.sendall(sent)
    wait_until(lambda: _is_taken(server))


def test_refuses_a_body_when_the_disk_is_nearly_full(serve: Serve) -> None:
    answer = serve(disk_reserve_bytes=1 << 60).ask(post(1))
    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert problem_of(answer)["code"] == "storage_full"


def test_reads_are_answered_when_the_disk_is_nearly_full(serve: Serve) -> None:
    assert serve(disk_reserve_bytes=1 << 60).ask(post(0)).status == 200


def test_a_body_that_can_not_be_spooled_is_refused(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server = serve(max_uploads_in_flight=1)
    with monkeypatch.context() as patched:
        patched.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
        answer = server.ask(post(MIB) + b"x" * MIB)
    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert problem_of(answer)["code"] == "unavailable"  # the folder is gone: the disk may be empty
    assert str(tmp_path).encode() not in answer.body
    wait_until(lambda: _is_taken(server))


@pytest.fixture
def roomy(limits: ServerLimits) -> Admission:
    """Admission on a disk with 10 MiB free, 2 of them in reserve."""
    return Admission(
        replace(limits, max_body_bytes=1 << 30, disk_reserve_bytes=2 * MIB),
        free_bytes=lambda _: 10 * MIB,
    )


def test_what_comes_after_the_end_of_a_dropped_request_is_dropped_too(roomy: Admission) -> None:
    parser = RequestParser(Adjustments())
    parser.admission = roomy
    parser.received(post(MIB))
    parser.received(b"x" * 600 * KIB)
    parser.close()
    assert parser.received(b"x" * KIB) == KIB
