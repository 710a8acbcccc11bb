"""The progress of a job, and the heartbeat that reports it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from glyphd.db.registry_models import Job
from glyphd.importing.claims import Claim, ClaimLost
from glyphd.importing.registry import Registry
from tests.server.wire import wait_until
from worker import progress as progress_module
from worker.progress import READING_SHARE, Halt, Progress, Watched, heartbeat


class FakeRegistry(Registry):
    """Records what is reported, and fails with each of the given errors first."""

    def __init__(self, *failures: Exception) -> None:
        self.told: list[dict[str, Any]] = []
        self.is_cancelled = False
        self._failures = list(failures)

    @contextmanager
    def in_one_transaction(self) -> Iterator[None]:
        yield

    def is_cancel_requested(self, job_id: int) -> bool:
        return self.is_cancelled

    def update_claimed(self, claim: Claim, **values: Any) -> None:
        self.told.append(values)
        if self._failures:
            raise self._failures.pop(0)


@pytest.fixture(autouse=True)
def quick_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, "BEAT_SECONDS", 0.005)


@pytest.fixture
def claim() -> Claim:
    return Claim(Job(id=1), 1)


def _watched(registry: Registry, claim: Claim, progress: Progress | None = None) -> Watched:
    return Watched(registry, claim, progress or Progress(), threading.Event(), lambda: None)


def _after(registry: FakeRegistry, beats: int) -> Callable[[], bool]:
    return lambda: len(registry.told) >= beats


def test_reading_is_most_of_the_way() -> None:
    progress = Progress()
    for read, share in ((0, 0.0), (25, 0.25), (100, 1.0), (120, 1.0)):
        progress.reading(read, 100)
        assert progress.progress == pytest.approx(READING_SHARE * share)
    assert (progress.phase, progress.bytes_read) == ("reading", 120)


def test_writing_is_the_rest() -> None:
    progress = Progress()
    for done in (0.0, 0.5, 1.0):
        progress.writing(done)
        assert progress.progress == pytest.approx(READING_SHARE + (1 - READING_SHARE) * done)
    assert progress.phase == "writing"


def test_a_long_statement_moves_from_beat_to_beat_and_never_reaches_its_end() -> None:
    progress = Progress()
    progress.writing(0)
    told = [progress.next_beat() for _ in range(100)]
    assert told == sorted(set(told))
    progress.writing(0)
    assert progress.next_beat() > told[-1]
    progress.writing(1 / 19)
    assert told[-1] < progress.progress < progress.next_beat()


def test_reading_is_reported_as_it_is() -> None:
    progress = Progress()
    progress.reading(50, 100)
    assert progress.next_beat() == progress.next_beat() == READING_SHARE / 2


def test_an_empty_file_is_no_division_by_nothing() -> None:
    progress = Progress()
    progress.reading(0, 0)
    assert progress.progress == 0


def test_a_beat_tells_how_far_the_job_is(claim: Claim) -> None:
    registry, progress = FakeRegistry(), Progress()
    with heartbeat(_watched(registry, claim, progress)):
        progress.reading(50, 100)
        progress.rows_read, progress.error_count = 7, 2
        wait_until(
            lambda: any(
                told["rows_read"] == 7 and told["error_count"] == 2 for told in registry.told
            )
        )
    told = registry.told[-1]
    assert (told["phase"], told["bytes_read"], told["progress"]) == (
        "reading",
        50,
        READING_SHARE / 2,
    )
    assert told["heartbeat_at"].endswith("Z")


def test_the_heart_beats_as_long_as_the_block(claim: Claim) -> None:
    registry = FakeRegistry()
    with heartbeat(_watched(registry, claim)):
        wait_until(_after(registry, 3))
    assert "heartbeat" not in [thread.name for thread in threading.enumerate()]


def test_the_heart_stops_when_the_block_fails(claim: Claim) -> None:
    with pytest.raises(RuntimeError), heartbeat(_watched(FakeRegistry(), claim)):
        raise RuntimeError
    assert "heartbeat" not in [thread.name for thread in threading.enumerate()]


def test_a_lost_claim_is_noticed_and_no_more_is_told(claim: Claim) -> None:
    registry, progress = FakeRegistry(ClaimLost("gone")), Progress()
    with heartbeat(_watched(registry, claim, progress)):
        wait_until(lambda: progress.halted_by is Halt.LOST)
    assert len(registry.told) == 1


def test_a_wish_to_cancel_halts(claim: Claim) -> None:
    registry, progress = FakeRegistry(), Progress()
    with heartbeat(_watched(registry, claim, progress)):
        registry.is_cancelled = True
        wait_until(lambda: progress.halted_by is Halt.CANCELLED)


def test_a_wish_to_stop_interrupts_until_the_block_ends(claim: Claim) -> None:
    stopping, interrupts = threading.Event(), list[str]()
    progress = Progress()
    watched = Watched(FakeRegistry(), claim, progress, stopping, lambda: interrupts.append("now"))
    with heartbeat(watched):
        stopping.set()
        wait_until(lambda: len(interrupts) > 1)
    assert progress.halted_by is Halt.STOPPING


def test_a_beat_that_fails_is_logged_and_followed_by_others(claim: Claim) -> None:
    registry = FakeRegistry(OSError("the disk"), OSError("the disk"))
    progress = Progress()
    with capture_logs() as lines, heartbeat(_watched(registry, claim, progress)):
        wait_until(_after(registry, 4))
    assert [line["event"] for line in lines] == ["heartbeat_missed"] * 2
    assert progress.halted_by is None
