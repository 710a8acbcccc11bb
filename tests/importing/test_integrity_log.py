"""The registry's record of checks for damage, and how it notices that a worker did not stop in
order."""

import pytest

from glyphd.db.registry_models import IntegrityCheck, Worker
from glyphd.importing.heartbeats import WORKER_ALIVE_SECONDS
from glyphd.importing.integrity_log import KEPT_CHECKS, IntegrityLog
from glyphd.importing.registry import Registry
from tests.importing.jobs import add_job, from_now

A_DAY = 24 * 3600


@pytest.fixture
def integrity(registry: Registry) -> IntegrityLog:
    return IntegrityLog(registry)


def _greet_earlier(registry: Registry, worker_id: str, seconds: float) -> None:
    registry.greet(worker_id, "here", 1)
    with registry.database.connection_context():
        silent = Worker.update(heartbeat_at=from_now(-seconds)).where(Worker.id == worker_id)
        registry.database.execute(silent)


def test_at_first_there_is_none(integrity: IntegrityLog) -> None:
    assert integrity.last() is None


def test_the_last_one_counts(integrity: IntegrityLog) -> None:
    integrity.record(["archive: torn", "archive: worn"])
    integrity.record([])
    last = integrity.last()
    assert last is not None
    assert (last.result, last.detail) == ("sound", None)
    integrity.record(["archive: torn", "archive: worn"])
    last = integrity.last()
    assert last is not None
    assert (last.result, last.detail) == ("damaged", "archive: torn\narchive: worn")


def test_few_are_kept(registry: Registry, integrity: IntegrityLog) -> None:
    for _ in range(KEPT_CHECKS + 3):
        integrity.record(["archive: torn" * 1000])
    with registry.database.connection_context():
        rows = list(IntegrityCheck.select().order_by(IntegrityCheck.id).bind(registry.database))
    assert len(rows) == KEPT_CHECKS
    assert max(len(row.detail or "") for row in rows) <= 2000


def test_a_worker_that_fell_silent_is_lost(registry: Registry, integrity: IntegrityLog) -> None:
    registry.greet("alive", "here", 1)
    _greet_earlier(registry, "killed", WORKER_ALIVE_SECONDS + 1)
    registry.greet("parted", "here", 1)
    registry.part("parted")
    assert integrity.lost_workers() == ["killed"]


def test_one_that_went_with_its_machine_is_lost_whenever_the_next_one_starts(
    registry: Registry, integrity: IntegrityLog
) -> None:
    _greet_earlier(registry, "before the weekend", 3 * A_DAY)
    registry.greet("new", "here", 1)
    assert integrity.lost_workers() == ["before the weekend"]


def test_a_check_answers_the_losses_before_it_alone(
    registry: Registry, integrity: IntegrityLog
) -> None:
    _greet_earlier(registry, "before", A_DAY)
    lost = integrity.lost_workers()
    _greet_earlier(registry, "meanwhile", A_DAY)
    integrity.record([], lost)
    assert integrity.lost_workers() == ["meanwhile"]


def test_a_worker_that_woke_up_again_is_not_forgotten(
    registry: Registry, integrity: IntegrityLog
) -> None:
    _greet_earlier(registry, "asleep", A_DAY)
    lost = integrity.lost_workers()
    registry.greet("asleep", "here", 1)
    integrity.record([], lost)
    assert registry.workers_alive() == 1


def test_the_latest_arrival_is_that_of_any_job(registry: Registry, integrity: IntegrityLog) -> None:
    assert integrity.latest_arrival() == ""
    add_job(registry, import_id="a", received_at=from_now(-60))
    latest = add_job(registry, import_id="b", received_at=from_now(-30))
    assert integrity.latest_arrival() == latest.received_at
