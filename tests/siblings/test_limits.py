"""The limits of a service apply to all its API processes together, and a dead one holds nothing."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from glyphd.api.failed_tokens import FailedAttempts
from glyphd.disk import ScratchSpace
from glyphd.errors import StorageFull, TooManyUploads
from glyphd.server import ServerLimits
from glyphd.server.admission import Admission, Arrival
from glyphd.server.lanes import most_heavy
from glyphd.server.places import UploadPlace
from glyphd.settings import MIB
from glyphd.siblings.family import OfService, Siblings
from tests.server.wire import wait_until
from tests.service import settings_in
from tests.siblings.conftest import UPLOADS, Sibling

FREE = 10 * MIB


@pytest.fixture
def limits(limits: ServerLimits) -> ServerLimits:
    return replace(limits, max_body_bytes=1 << 30, max_uploads_in_flight=UPLOADS)


def _admission(limits: ServerLimits, siblings: Siblings) -> Admission:
    return Admission(limits, free_bytes=lambda _: FREE, siblings=siblings)


def _admit(admission: Admission, size: int = MIB) -> UploadPlace:
    place = admission.admit(Arrival("text/csv", size))
    assert place is not None
    return place


def test_uploads_of_all_processes_count(limits: ServerLimits, sibling: Sibling) -> None:
    one, two = (_admission(limits, sibling(number)) for number in range(2))
    first, _ = _admit(one), _admit(one)
    with pytest.raises(TooManyUploads):
        _admit(two)
    one.places.release(first)
    _admit(two)


def test_the_slowest_upload_of_any_process_gives_way(
    limits: ServerLimits, sibling: Sibling
) -> None:
    limits = replace(limits, fair_seconds=0)
    one, two = (_admission(limits, sibling(number)) for number in range(2))
    slow, quick = _admit(one), _admit(one)
    one.places.expect(quick, MIB)
    one.places.complete(quick)
    assert slow.withdrawn_at is None
    new = _admit(two)
    assert slow.withdrawn_at is not None
    with pytest.raises(TooManyUploads):
        one.places.expect(slow, 1)
    one.places.release(slow)
    assert new.withdrawn_at is None


def test_the_disk_is_promised_once(limits: ServerLimits, sibling: Sibling) -> None:
    one, two = (_admission(limits, sibling(number)) for number in range(2))
    one.places.expect(_admit(one, 4 * MIB), 3 * MIB)
    with pytest.raises(StorageFull):
        two.places.expect(_admit(two, 4 * MIB), 3 * MIB)


def test_a_dead_process_holds_no_place_and_no_promise(
    limits: ServerLimits, sibling: Sibling
) -> None:
    dying, other = sibling(0), sibling(1)
    one, two = _admission(limits, dying), _admission(limits, other)
    kept = _admit(two, MIB)
    one.places.expect(_admit(one, 4 * MIB), 3 * MIB)
    other.bury(0)
    assert kept.withdrawn_at is None
    two.places.expect(_admit(two, 4 * MIB), 3 * MIB)


def test_temporary_files_share_one_budget(tmp_path: Path, sibling: Sibling) -> None:
    settings = settings_in(tmp_path, max_scratch_bytes=3 * MIB, disk_reserve_bytes=0)
    dying, other = sibling(0), sibling(1)
    one, two = (ScratchSpace(settings, lambda _: FREE, each) for each in (dying, other))
    one.take(2 * MIB)
    two.take(MIB)
    with pytest.raises(StorageFull):
        two.take(1)
    other.bury(0)
    two.take(2 * MIB)


def test_wrong_tokens_are_counted_over_all_processes(sibling: Sibling) -> None:
    one, two = (FailedAttempts(sibling(number)) for number in range(2))
    assert [one.add("192.0.2.1"), two.add("192.0.2.1"), one.add("192.0.2.1")] == [1, 2, 3]
    assert two.add("192.0.2.2") == 1
    assert FailedAttempts(sibling(0)).add("192.0.2.1") == 4


def test_heavy_requests_share_the_threads_of_one_process() -> None:
    assert [most_heavy(8, processes) for processes in (1, 2, 4)] == [3, 2, 1]
    assert most_heavy(2, 4) == 1


def test_a_large_json_body_is_held_by_one_process_at_a_time(sibling: Sibling) -> None:
    one, two = sibling(0), sibling(1)
    assert [each.take_alone(OfService.LARGE_JSON) for each in (one, two, one)] == [
        True,
        False,
        False,
    ]
    two.bury(1)
    assert not two.take_alone(OfService.LARGE_JSON)
    two.bury(0)
    assert two.take_alone(OfService.LARGE_JSON)
    two.give_back(OfService.LARGE_JSON)
    assert one.take_alone(OfService.LARGE_JSON)


def test_connections_are_left_to_who_has_fewer(sibling: Sibling) -> None:
    one, two = sibling(0), sibling(1)
    one.tell_connections(2)
    assert not one.has_idler()
    two.begin_to_listen()
    two.tell_connections(1)
    assert (one.has_idler(), two.has_idler()) == (True, False)
    one.tell_connections(160)
    two.tell_connections(150)
    assert not one.has_idler()  # a sixteenth does not count as a difference
    two.tell_connections(149)
    assert one.has_idler()
    one.bury(1)
    assert not one.has_idler()


def test_who_is_killed_in_a_moment_of_its_own_lets_go_of_it(sibling: Sibling) -> None:
    siblings = sibling(0)
    script = (
        "import sys, time; from glyphd.siblings.family import Siblings;"
        "from glyphd.siblings.shared_memory import Shape;"
        f"siblings = Siblings(Shape(2, {UPLOADS}), int(sys.argv[1]), 1)\n"
        "with siblings.locked():\n    siblings.service[7] = 1; time.sleep(60)"
    )
    command = [sys.executable, "-c", script, str(siblings.descriptor)]
    with subprocess.Popen(command, pass_fds=[siblings.descriptor]) as other:
        wait_until(lambda: siblings.service[7] == 1)
        other.kill()
    with siblings.locked():
        assert other.returncode != 0
