"""The sweep: jobs that were forgotten are nudged again, and no others."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from glyphd.importing.recovery import MESSAGE_SECONDS, sweep
from glyphd.importing.registry import Registry
from glyphd.jobs import JobQueue
from tests.importing.jobs import add_job, from_now, reread


class FakeQueue(JobQueue):
    """A queue that only writes down who was nudged."""

    def __init__(self, waiting: int = 0) -> None:
        self.nudged: list[int] = []
        self.urgent: list[int] = []
        self._waiting = waiting

    def nudge(self, job_id: int, *, is_urgent: bool = False) -> None:
        self.nudged.append(job_id)
        if is_urgent:
            self.urgent.append(job_id)

    def waiting(self) -> int:
        return self._waiting


class FakeLocks:
    """Locks of which somebody holds some."""

    def __init__(self, *held: int) -> None:
        self.held = held

    @contextmanager
    def hold(self, job_id: int) -> Iterator[bool]:
        yield job_id not in self.held


def test_a_queued_job_that_lost_its_message_is_nudged(sqlite_registry: Registry) -> None:
    job, queue = add_job(sqlite_registry), FakeQueue()
    assert sweep(sqlite_registry, FakeLocks(), queue) == 1
    assert queue.nudged == [job.id]
    assert reread(sqlite_registry, job).nudged_at > job.received_at


def test_a_job_that_nobody_runs_any_more_is_nudged(sqlite_registry: Registry) -> None:
    job, queue = add_job(sqlite_registry, status="running"), FakeQueue()
    sweep(sqlite_registry, FakeLocks(), queue)
    assert queue.nudged == [job.id]


def test_a_job_that_somebody_runs_is_not(sqlite_registry: Registry) -> None:
    job, queue = add_job(sqlite_registry, status="running"), FakeQueue()
    assert sweep(sqlite_registry, FakeLocks(job.id), queue) == 0
    assert queue.nudged == []


def test_while_messages_wait_only_an_orphan_is_nudged(sqlite_registry: Registry) -> None:
    queued, orphan, run = (add_job(sqlite_registry, status=status) for status in ("queued", "running", "running"))
    queue = FakeQueue(waiting=1)
    assert sweep(sqlite_registry, FakeLocks(run.id), queue) == 1
    assert (queue.nudged, queue.urgent) == ([orphan.id], [orphan.id])
    assert queued.id < orphan.id


def test_an_orphan_goes_before_others(sqlite_registry: Registry) -> None:
    queued, orphan = (add_job(sqlite_registry, status=status) for status in ("queued", "running"))
    queue = FakeQueue()
    sweep(sqlite_registry, FakeLocks(), queue)
    assert (queue.nudged, queue.urgent) == ([queued.id, orphan.id], [orphan.id])


@pytest.mark.parametrize(
    ("heartbeat", "nudged_at", "again"),
    [(-9, -20, 1), (-9, -5, 0), (-99, -MESSAGE_SECONDS - 5, 1), (-9, 3600, 1), (None, -5, 0), (-9, None, 1)],
    ids=["taken up since", "on its way", "lost", "after the clock was set back", "never run", "never"],
)
def test_an_orphan_whose_message_waits_gets_no_other(
    sqlite_registry: Registry, heartbeat: float | None, nudged_at: float | None, again: int
) -> None:
    times = {"heartbeat_at": heartbeat, "nudged_at": nudged_at}
    moments = {name: None if seconds is None else from_now(seconds) for name, seconds in times.items()}
    add_job(sqlite_registry, status="running", **moments)
    assert sweep(sqlite_registry, FakeLocks(), FakeQueue(waiting=300)) == again


def test_a_sweep_does_not_repeat_itself_while_messages_wait(sqlite_registry: Registry) -> None:
    add_job(sqlite_registry, status="running", heartbeat_at=from_now(-9))
    queue = FakeQueue(waiting=300)
    assert [sweep(sqlite_registry, FakeLocks(), queue) for _ in range(3)] == [1, 0, 0]


@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled"])
def test_a_finished_job_is_left_alone(sqlite_registry: Registry, status: str) -> None:
    add_job(sqlite_registry, status=status)
    assert sweep(sqlite_registry, FakeLocks(), FakeQueue()) == 0


@pytest.mark.parametrize(("seconds", "nudged"), [(60, 0), (-1, 1)])
def test_a_resting_job_is_nudged_when_its_time_has_come(sqlite_registry: Registry, seconds: float, nudged: int) -> None:
    add_job(sqlite_registry, not_before=from_now(seconds))
    assert sweep(sqlite_registry, FakeLocks(), FakeQueue()) == nudged


def test_the_oldest_is_nudged_first(sqlite_registry: Registry) -> None:
    jobs, queue = [add_job(sqlite_registry) for _ in range(3)], FakeQueue()
    assert sweep(sqlite_registry, FakeLocks(jobs[1].id), queue) == 3
    assert queue.nudged == [job.id for job in jobs]
