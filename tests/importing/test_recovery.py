"""The sweep: forgotten jobs are renotified, and no others."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from glyphd.importing.recovery import SENDING_SECONDS, sweep
from glyphd.importing.registry import Registry
from glyphd.jobs import JobQueue
from tests.importing.jobs import add_job, from_now, reread


class FakeQueue(JobQueue):
    """A queue that only records notified jobs."""

    def __init__(self, *waiting: int) -> None:
        self.nudged: list[int] = []
        self.urgent: list[int] = []
        self._waiting = set(waiting)

    def nudge(self, job_id: int, *, is_urgent: bool = False) -> None:
        self.nudged.append(job_id)
        self._waiting.add(job_id)
        if is_urgent:
            self.urgent.append(job_id)

    def waiting_jobs(self) -> set[int]:
        return self._waiting


class FakeLocks:
    """Locks of which another process holds some."""

    def __init__(self, *held: int) -> None:
        self.held = held

    @contextmanager
    def hold(self, job_id: int) -> Iterator[bool]:
        yield job_id not in self.held


@pytest.mark.parametrize("status", ["queued", "running"])
def test_a_job_without_a_message_is_nudged(sqlite_registry: Registry, status: str) -> None:
    job, queue = add_job(sqlite_registry, status=status), FakeQueue()
    assert sweep(sqlite_registry, FakeLocks(), queue) == 1
    assert queue.nudged == [job.id]
    assert reread(sqlite_registry, job).nudged_at > job.received_at


@pytest.mark.parametrize("status", ["queued", "running"])
def test_a_job_that_somebody_runs_is_not(sqlite_registry: Registry, status: str) -> None:
    job, queue = add_job(sqlite_registry, status=status), FakeQueue()
    assert sweep(sqlite_registry, FakeLocks(job.id), queue) == 0
    assert queue.nudged == []


@pytest.mark.parametrize("status", ["queued", "running"])
def test_a_job_whose_message_waits_gets_no_other(sqlite_registry: Registry, status: str) -> None:
    job = add_job(sqlite_registry, status=status)
    assert sweep(sqlite_registry, FakeLocks(), FakeQueue(job.id)) == 0


def test_forgotten_jobs_go_before_all_others_however_many_wait(sqlite_registry: Registry) -> None:
    lost, orphan, awaited = (
        add_job(sqlite_registry, status=one) for one in ("queued", "running", "queued")
    )
    queue = FakeQueue(awaited.id, *range(1000, 1600))
    assert sweep(sqlite_registry, FakeLocks(), queue) == 2
    assert queue.nudged == queue.urgent == [lost.id, orphan.id]


def test_a_sweep_does_not_repeat_itself(sqlite_registry: Registry) -> None:
    add_job(sqlite_registry, status="running", heartbeat_at=from_now(-9))
    queue = FakeQueue(300)
    assert [sweep(sqlite_registry, FakeLocks(), queue) for _ in range(3)] == [1, 0, 0]


@pytest.mark.parametrize(
    ("attempt", "sent_at", "again"),
    [(0, -1, 0), (0, -SENDING_SECONDS - 1, 1), (0, 3600, 1), (1, -1, 1)],
    ids=["on its way", "lost", "before the clock was set back", "tried before"],
)
def test_a_new_jobs_message_gets_some_time_to_come(
    sqlite_registry: Registry, attempt: int, sent_at: float, again: int
) -> None:
    add_job(sqlite_registry, attempt=attempt, nudged_at=from_now(sent_at))
    assert sweep(sqlite_registry, FakeLocks(), FakeQueue()) == again


@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled"])
def test_a_finished_job_is_left_alone(sqlite_registry: Registry, status: str) -> None:
    add_job(sqlite_registry, status=status)
    assert sweep(sqlite_registry, FakeLocks(), FakeQueue()) == 0


@pytest.mark.parametrize(("seconds", "nudged"), [(60, 0), (-1, 1)])
def test_a_resting_job_is_nudged_when_its_time_has_come(
    sqlite_registry: Registry, seconds: float, nudged: int
) -> None:
    add_job(sqlite_registry, not_before=from_now(seconds))
    assert sweep(sqlite_registry, FakeLocks(), FakeQueue(300)) == nudged


def test_the_oldest_is_nudged_first(sqlite_registry: Registry) -> None:
    jobs, queue = [add_job(sqlite_registry) for _ in range(3)], FakeQueue()
    assert sweep(sqlite_registry, FakeLocks(), queue) == 3
    assert queue.nudged == [job.id for job in jobs]
