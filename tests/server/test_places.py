"""What uploads in progress are promised, and which of them must give way."""

import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from waitress.adjustments import Adjustments

from glyphd.errors import GlyphdError, StorageFull
from glyphd.server import ServerLimits
from glyphd.server.admission import Admission, Arrival
from glyphd.server.early_problems import failure_of
from glyphd.server.parsing import RequestParser
from tests.chaos.disks import SmallDisk, small_disk
from tests.server.wire import Serve, is_closed, post, problem_of, read_answer, wait_until

KIB, MIB = 1 << 10, 1 << 20
HALF = 200 * KIB
CHUNKED = b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
SOME = b"x" * 300 * KIB
CHUNK = b"%x\r\n%b\r\n" % (len(SOME), SOME)
QUICKLY_SLOW: dict[str, Any] = {
    "max_uploads_in_flight": 1,
    "fair_seconds": 0.2,
    "fair_rate": 1 << 30,
}


@dataclass
class Disk:
    """A disk with `free` bytes, 2 MiB of them in reserve, and the bodies that are received on
    it."""

    limits: ServerLimits
    free: int
    parsers: list[RequestParser] = field(default_factory=list)

    def __post_init__(self) -> None:
        limits = replace(self.limits, max_body_bytes=1 << 30, disk_reserve_bytes=2 * MIB)
        self.admission = Admission(limits, free_bytes=lambda _: self.free)

    def begin(self, head: bytes) -> RequestParser:
        """Starts a request whose body has not arrived yet."""
        parser = RequestParser(Adjustments())
        parser.admission = self.admission
        parser.received(head)
        self.parsers.append(parser)
        return parser

    def send(self, parser: RequestParser, size: int) -> None:
        """Sends `size` bytes of the body, which are then on the disk."""
        for _ in range(size // HALF):
            parser.received(b"x" * HALF)
            self.free -= HALF

    def admits(self, size: int) -> bool:
        try:
            place = self.admission.admit(Arrival("text/csv", size))
        except StorageFull:
            return False
        if place:
            self.admission.places.release(place)
        return True


@pytest.fixture
def disk(limits: ServerLimits) -> Iterator[Disk]:
    disk = Disk(limits, 10 * MIB)
    yield disk
    for parser in disk.parsers:
        parser.close()


def _failure(parser: RequestParser) -> GlyphdError:
    assert parser.error
    return failure_of(parser.error)


def test_a_body_needs_room_for_its_spool_and_its_kept_file(disk: Disk) -> None:
    assert not disk.admits(4 * MIB + 1)
    assert disk.admits(4 * MIB)


def test_what_is_announced_is_not_promised(disk: Disk) -> None:
    for _ in range(3):
        assert not disk.begin(post(4 * MIB)).completed
    assert disk.admits(4 * MIB)


def test_what_has_come_is_promised_with_its_copy(disk: Disk) -> None:
    parser = disk.begin(post(4 * MIB))
    disk.send(parser, 15 * HALF)
    disk.free = 6 * MIB
    assert not disk.admits(MIB // 2)
    parser.close()
    assert disk.admits(MIB // 2)


def test_a_body_that_no_longer_fits_is_refused_in_its_midst(disk: Disk) -> None:
    parsers = [disk.begin(post(4 * MIB)) for _ in range(3)]
    for _ in range(20):
        for parser in parsers:
            if not parser.completed:
                disk.send(parser, HALF)
    refused = [parser for parser in parsers if parser.error]
    assert refused
    assert {_failure(parser).code for parser in refused} == {"storage_full"}
    assert all(parser.closed for parser in refused)
    assert disk.free >= 2 * MIB


def test_a_body_in_chunks_is_promised_room_as_it_comes(disk: Disk) -> None:
    parser = disk.begin(CHUNKED)
    while not parser.error:
        parser.received(b"%x\r\n" % HALF + b"x" * HALF + b"\r\n")
        disk.free -= HALF
    assert _failure(parser).code == "storage_full"
    assert disk.free >= 2 * MIB


@pytest.mark.parametrize("head", [post(256 * KIB), CHUNKED], ids=["length", "chunks"])
def test_small_bodies_are_not_refused_for_the_promises_of_others(disk: Disk, head: bytes) -> None:
    for _ in range(4):
        disk.begin(post(4 * MIB))
    assert not disk.admits(MIB)
    assert not disk.begin(head).completed


def test_a_small_body_is_refused_when_the_disk_fills_while_it_comes(disk: Disk) -> None:
    parser = disk.begin(post(256 * KIB))
    parser.received(b"x")
    assert not parser.completed
    disk.free = 2 * MIB
    parser.received(b"x")
    assert _failure(parser).code == "storage_full"


def test_a_place_given_back_twice_counts_once(disk: Disk) -> None:
    parser = disk.begin(post(MIB))
    parser.close()
    parser.close()
    assert disk.admits(4 * MIB)


def test_refused_in_its_midst_it_leaves_nothing_behind(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_disk(tmp_path / "disk", 32 * MIB) as small:
        monkeypatch.setattr(tempfile, "tempdir", str(small.folder))
        server = serve(
            scratch_dir=small.folder, disk_reserve_bytes=8 * MIB, max_body_bytes=64 * MIB
        )
        small.fill(leave=24 * MIB)
        with server.connect() as connection:
            connection.sendall(post(8 * MIB) + b"x" * 4 * MIB)
            wait_until(lambda: _free(small) <= 20 * MIB)
            small.fill(leave=9 * MIB)
            connection.sendall(b"x" * 4 * MIB)
            answer = read_answer(connection)
        assert (answer.status, problem_of(answer)["code"]) == (503, "storage_full")
        small.free()
        wait_until(lambda: _free(small) >= 31 * MIB)


def _free(small: SmallDisk) -> int:
    return shutil.disk_usage(small.folder).free


@pytest.mark.parametrize(
    ("head", "sent"), [(post(MIB), SOME), (CHUNKED, CHUNK)], ids=["length", "chunks"]
)
def test_the_slowest_upload_gives_way_when_all_places_are_taken(
    serve: Serve, head: bytes, sent: bytes
) -> None:
    server = serve(**QUICKLY_SLOW)
    with server.connect() as slow:
        slow.sendall(head + sent)
        wait_until(lambda: server.ask(post(MIB) + b"x" * MIB).status == 200)
        slow.sendall(b"x")
        answer = read_answer(slow)
    assert (answer.status, problem_of(answer)["code"]) == (503, "too_many_uploads")
    assert int(answer.headers["Retry-After"]) > 0


def test_one_that_gave_way_and_stays_silent_is_closed(serve: Serve) -> None:
    server = serve(**QUICKLY_SLOW)
    with server.connect() as slow:
        slow.sendall(post(MIB) + SOME)
        wait_until(lambda: server.ask(post(MIB) + b"x" * MIB).status == 200)
        wait_until(lambda: is_closed(slow))


def test_an_upload_that_moves_does_not_give_way(serve: Serve) -> None:
    server = serve(max_uploads_in_flight=1, fair_seconds=0.2, fair_rate=KIB)
    with server.connect() as moving:
        moving.sendall(post(MIB) + SOME)
        time.sleep(0.5)  # long enough to be checked
        refused = server.ask(post(MIB))
        moving.sendall(b"x" * (MIB - len(SOME)))
        assert read_answer(moving).status == 200
    assert problem_of(refused)["code"] == "too_many_uploads"


def test_the_slower_of_two_gives_way(serve: Serve) -> None:
    server = serve(**(QUICKLY_SLOW | {"max_uploads_in_flight": 2}))
    with server.connect() as slower, server.connect() as faster:
        slower.sendall(post(MIB) + b"x" * HALF)
        faster.sendall(post(MIB) + b"x" * 2 * HALF)
        wait_until(lambda: server.ask(post(MIB) + b"x" * MIB).status == 200)
        faster.sendall(b"x" * (MIB - 2 * HALF))
        assert read_answer(faster).status == 200
        slower.sendall(b"x")
        assert read_answer(slower).status == 503


def test_what_is_announced_has_to_come_in_time(serve: Serve) -> None:
    server = serve(idle_timeout=0.3, min_body_rate=1, longest_body_seconds=2)
    with server.connect() as small, server.connect() as large:
        small.sendall(post(300 * KIB) + b"x" * 250 * KIB)
        large.sendall(post(4 * MIB) + b"x" * 300 * KIB)
        ended = _ends_while_sending(large)
        wait_until(lambda: ended(b"x"))
        assert _ends_while_sending(small)(b"x") is False


def test_from_a_body_in_chunks_more_is_due_the_longer_it_takes(serve: Serve) -> None:
    server = serve(idle_timeout=0.3, min_body_rate=20, rate_rises_each=0.1)
    with server.connect() as connection:
        connection.sendall(CHUNKED)
        ended = _ends_while_sending(connection)
        wait_until(lambda: ended(b"1\r\nx\r\n"))


def _ends_while_sending(connection: socket.socket) -> Callable[[bytes], bool]:
    """A function that sends a piece at each call, and returns whether the server has ended the
    connection."""

    def ended(piece: bytes) -> bool:
        try:
            connection.sendall(piece)
        except OSError:
            return True
        return is_closed(connection)

    return ended
