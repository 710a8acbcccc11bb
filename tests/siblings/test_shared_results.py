"""Whole results are made once for all API processes of a service, and kept while one of them reads
them or there is space."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import pytest

from glyphd.api import kept_results, shared_results
from glyphd.api.byte_ranges import FilePart
from glyphd.api.kept_results import HeldFile
from glyphd.api.shared_results import SharedResults
from glyphd.disk import ScratchSpace
from glyphd.errors import StorageFull
from glyphd.scratch import own_results_folder, results_folder
from glyphd.settings import MIB
from tests.e2e.processes import until
from tests.http.test_kept_results import Maker
from tests.service import settings_in
from tests.siblings.conftest import Sibling

Start = Callable[..., SharedResults]


@pytest.fixture
def start(tmp_path: Path, sibling: Sibling) -> Start:
    """The results of the process with this number; all processes use the same folder."""
    settings = settings_in(tmp_path, max_scratch_bytes=8 * MIB, disk_reserve_bytes=0)
    settings.scratch_dir.mkdir()

    def start(number: int, most_unread_bytes: int = MIB, seconds: float = 300) -> SharedResults:
        siblings = sibling(number)
        space = ScratchSpace(settings, siblings=siblings)
        return SharedResults(tmp_path / "results", siblings, space, most_unread_bytes, seconds)

    return start


def _read(held: HeldFile) -> bytes:
    with FilePart(held, range(held.size)) as part:
        return part.read()


def _made(results: SharedResults, tag: str, size: int = 10) -> int:
    """How many times the result had to be made."""
    maker = Maker(size)
    assert len(_read(results.open(tag, maker))) == size
    return maker.times


def test_another_process_reads_the_same_file(start: Start) -> None:
    one, two = start(0), start(1)
    assert [_made(one, "a"), _made(two, "a"), _made(one, "a"), _made(two, "b")] == [1, 0, 0, 1]


def test_who_asks_while_it_is_made_waits_for_it(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_results, "client_left", lambda: False)
    part = tmp_path / "results" / f"{sha256(b'a').hexdigest()}.part"
    one, two, maker = start(0), start(1), Maker()
    with ThreadPoolExecutor(1) as pool:
        asked: list[Future[HeldFile]] = []

        def make(file: BinaryIO) -> None:
            began = part.stat().st_atime_ns
            asked.append(pool.submit(two.open, "a", maker))
            until(lambda: part.stat().st_atime_ns != began)
            file.write(b"all")

        assert _read(one.open("a", make)) == b"all"
        assert (_read(asked[0].result()), maker.times) == (b"all", 0)


def test_when_it_fails_another_one_makes_it(start: Start) -> None:
    def fail(_file: object) -> None:
        raise StorageFull("no room")

    one, two = start(0), start(1)
    with pytest.raises(StorageFull):
        one.open("a", fail)
    assert _made(two, "a") == 1


def test_what_somebody_reads_stays(start: Start) -> None:
    one, two = start(0), start(1)
    held = one.open("a", Maker())
    assert not two.drop_unread()
    assert _made(two, "a") == 0
    held.release()
    assert two.drop_unread()
    assert _made(one, "a") == 1


def test_room_for_an_answer_is_made_of_what_others_left_unread(start: Start) -> None:
    one, two = start(0, 8 * MIB), start(1, 8 * MIB)
    assert _made(one, "a", 5 * MIB) == 1
    assert two.kept_bytes() == 5 * MIB
    assert _made(two, "b", 5 * MIB) == 1
    assert two.kept_bytes() == 5 * MIB
    with pytest.raises(StorageFull):
        two.open("c", Maker(9 * MIB))


def test_unread_ones_have_limits_for_all_processes(start: Start) -> None:
    one, two = start(0), start(1)
    for number in range(kept_results.MOST_UNREAD + 1):
        _made((one, two)[number % 2], str(number))
    assert one.kept_bytes() == 10 * kept_results.MOST_UNREAD
    assert [_made(one, "1"), _made(one, "0")] == [0, 1]


def test_unread_ones_are_removed_after_a_time(start: Start) -> None:
    results = start(0, seconds=0)
    _made(results, "a")
    until(lambda: results.kept_bytes() == 0)


def test_what_a_killed_process_left_unfinished_is_removed(start: Start, tmp_path: Path) -> None:
    results = start(0)
    left = tmp_path / "results" / "abc.part"
    left.write_bytes(b"half")
    results.sweep()
    assert not left.exists()


def test_the_folder_of_a_killed_service_is_removed_by_the_next_one(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    settings.scratch_dir.mkdir()
    with own_results_folder(settings, "one"):
        left = results_folder(settings, "killed")
        left.mkdir()
        (left / "result").write_bytes(b"x")
        with own_results_folder(settings, "two"):
            assert not left.exists()
            assert results_folder(settings, "one").exists()
    assert not list(settings.scratch_dir.iterdir())
