"""Whole results are made once, shared, and kept for a while if there is space."""

from collections.abc import Callable
from threading import Event, Thread
from typing import Any, BinaryIO

import pytest

from glyphd.api import kept_results
from glyphd.api.answer_files import STEP_BYTES, written
from glyphd.api.byte_ranges import FilePart
from glyphd.api.kept_results import HeldFile, KeptResults
from glyphd.disk import ScratchSpace
from glyphd.errors import StorageFull
from glyphd.siblings.family import OfProcess, alone
from tests.e2e.processes import until
from tests.http.conftest import Market
from tests.service import StartService

MIB = 1 << 20
Write = Callable[[BinaryIO], None]


class Maker:
    """Writes this many bytes, and counts its calls."""

    def __init__(self, size: int = 10) -> None:
        self.times = 0
        self._size = size

    def __call__(self, file: BinaryIO) -> None:
        self.times += 1
        file.write(b"x" * self._size)


@pytest.fixture
def space(start_service: StartService) -> ScratchSpace:
    return ScratchSpace(start_service(max_scratch_bytes=8 * MIB).settings)


def _read(held: HeldFile) -> bytes:
    with FilePart(held, range(held.size)) as part:
        return part.read()


def _made(results: KeptResults, tag: str, size: int = 10) -> int:
    """How many times the result had to be made."""
    maker = Maker(size)
    assert len(_read(results.open(tag, maker))) == size
    return maker.times


def test_who_asks_again_reads_the_same_file(space: ScratchSpace) -> None:
    results = KeptResults(space, MIB)
    assert [_made(results, "a") for _ in range(3)] == [1, 0, 0]


def test_each_reader_has_a_place_of_its_own(space: ScratchSpace) -> None:
    results = KeptResults(space, MIB)
    one, two = (results.open("a", lambda file: file.writelines([b"0123456789"])) for _ in "12")
    with FilePart(one, range(2, 8)) as part, FilePart(two, range(10)) as whole:
        assert (part.read(2), whole.read(5), part.read(), whole.read()) == (
            b"23",
            b"01234",
            b"4567",
            b"56789",
        )
        assert one.fileno == two.fileno


def test_of_many_who_ask_at_once_one_makes_it(space: ScratchSpace) -> None:
    results, asked, times = KeptResults(space, MIB), [], []

    def make(file: BinaryIO) -> None:
        times.append(1)
        until(lambda: results._results["a"].holders == 5)
        file.write(b"all")

    def ask() -> None:
        asked.append(_read(results.open("a", make)))

    threads = [Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (asked, times) == ([b"all"] * 5, [1])


def test_when_making_fails_the_next_one_tries(space: ScratchSpace) -> None:
    results, waiting, answers = KeptResults(space, MIB), Event(), []

    def fail(file: BinaryIO) -> None:
        waiting.set()
        until(lambda: results._results["a"].holders == 2)
        raise StorageFull("no room")

    def wait() -> None:
        waiting.wait()
        answers.append(_read(results.open("a", Maker(3))))

    thread = Thread(target=wait)
    thread.start()
    with pytest.raises(StorageFull):
        results.open("a", fail)
    thread.join()
    assert answers == [b"xxx"]


def test_it_is_made_to_its_end_for_those_who_wait(
    space: ScratchSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glyphd.api.answer_files._LOOK_SECONDS", -1)
    left: set[str] = set()
    monkeypatch.setattr(kept_results, "client_left", lambda: "first" in left)
    results, answers = KeptResults(space, MIB), []

    def make(file: BinaryIO) -> None:
        thread.start()
        until(lambda: results._results["a"].holders == 2)
        left.add("first")
        file.write(b"all")
        left.clear()

    thread = Thread(target=lambda: answers.append(_read(results.open("a", Maker()))))
    results.open("a", make).release()
    thread.join()
    assert answers == [b"all"]


def test_unread_results_go_when_others_need_the_room(space: ScratchSpace) -> None:
    results = KeptResults(space, 8 * MIB)
    _made(results, "a", 3 * MIB)
    held = results.open("b", Maker(3 * MIB))
    written(lambda file: file.writelines([b"x" * 5 * MIB]), space).close()
    assert _read(held) == b"x" * 3 * MIB, "whoever reads goes on"
    assert (_made(results, "b", 3 * MIB), _made(results, "a", MIB)) == (0, 1)


def test_what_is_read_counts(space: ScratchSpace) -> None:
    results = KeptResults(space, 8 * MIB)
    held = results.open("a", Maker(5 * MIB))
    with pytest.raises(StorageFull):
        results.open("b", Maker(5 * MIB))
    held.release()
    assert _made(results, "b", 5 * MIB) == 1


def test_the_longest_unread_go_first(space: ScratchSpace) -> None:
    results = KeptResults(space, 3 * MIB)
    for tag in ("a", "b", "c"):
        _made(results, tag, MIB)
    assert _made(results, "a", MIB) == 0
    _made(results, "d", MIB)
    assert [_made(results, tag, MIB) for tag in ("a", "d", "c")] == [0, 0, 0]
    assert _made(results, "b", MIB) == 1


def test_one_that_is_too_large_is_shared_but_not_kept(space: ScratchSpace) -> None:
    results = KeptResults(space, MIB)
    held = results.open("a", Maker(2 * MIB))
    assert _made(results, "a", 2 * MIB) == 0
    held.release()
    assert _made(results, "a", 2 * MIB) == 1


def test_descriptors_are_bounded(start_service: StartService) -> None:
    results = KeptResults(ScratchSpace(start_service().settings), 1024 * MIB)
    for number in range(kept_results.MOST_UNREAD + 1):
        _made(results, str(number))
    assert _made(results, "1") == 0
    assert _made(results, "0") == 1


def test_on_a_full_disk_none_is_kept(start_service: StartService) -> None:
    settings = start_service(disk_reserve_bytes=10 * MIB).settings
    free = [100 * MIB]
    results = KeptResults(ScratchSpace(settings, lambda _: free[0]), 1024 * MIB)
    _made(results, "a", 2 * MIB)
    assert _made(results, "a", 2 * MIB) == 0
    free[0] = 11 * MIB
    assert not results.sweep()
    free[0] = 100 * MIB
    assert _made(results, "a", 2 * MIB) == 1


def test_after_a_while_they_go(start_service: StartService) -> None:
    siblings = alone()
    space = ScratchSpace(start_service(max_scratch_bytes=8 * MIB).settings, siblings=siblings)
    results = KeptResults(space, MIB, kept_seconds=0.05)
    results.open("a", Maker(STEP_BYTES)).release()
    until(lambda: siblings.total(OfProcess.SCRATCH_BYTES) == 0)
    assert _made(results, "a") == 1


def test_a_head_makes_what_the_get_then_takes(
    own_market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def counting(write: Write, *given: Any) -> BinaryIO:
        made.append(1)
        return written(write, *given)

    monkeypatch.setattr(kept_results, "written", counting)
    http = own_market.service.http
    length = int(http.head("/api/listings?history=true").headers["Content-Length"])
    assert len(http.get("/api/listings?history=true").body) == length
    assert made == [1]


def test_a_new_import_is_another_result(own_market: Market) -> None:
    service = own_market.service
    before = service.http.get("/api/listings")
    service.import_csv("model,price_usd,score\nT4,500,0.4\n")
    after = service.http.get("/api/listings")
    assert before.headers["ETag"] != after.headers["ETag"]
    assert len(after.json) == len(before.json) + 1
