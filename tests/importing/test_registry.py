"""The registry: jobs, claims and fences, and the workers that are alive."""

from typing import Any

import pytest

from glyphd.db.registry_models import Job, Worker
from glyphd.errors import NotReady
from glyphd.importing.claims import ClaimLost
from glyphd.importing.heartbeats import WORKER_ALIVE_SECONDS
from glyphd.importing.registry import Registry
from glyphd.settings import Settings
from glyphd.times import now_text
from tests.importing.jobs import add_job, from_now, reread


class Stale(Registry):
    """A registry that read a job just before another process changed it."""

    def __init__(self, registry: Registry, seen: Job) -> None:
        super().__init__(registry.database)
        self._seen = seen

    def _one(self, where: Any) -> Job | None:
        return self._seen


def _workers(registry: Registry) -> list[str]:
    with registry.database.connection_context():
        return [
            name
            for (name,) in registry.database.execute(Worker.select(Worker.id).order_by(Worker.id))
        ]


def _silence(registry: Registry, worker_id: str, seconds: float) -> None:
    with registry.database.connection_context():
        silent = Worker.update(heartbeat_at=from_now(-seconds)).where(Worker.id == worker_id)
        registry.database.execute(silent)


def test_a_job_is_found_by_its_id_and_its_import(sqlite_registry: Registry) -> None:
    job = add_job(sqlite_registry, import_id="a", source="perplexity")
    for found in (sqlite_registry.job(job.id), sqlite_registry.find_import("a")):
        assert found is not None
        assert (found.id, found.source, found.status, found.attempt, found.errors) == (
            job.id, "perplexity", "queued", 0, "[]",
        )  # fmt: skip


def test_what_is_not_there_is_not_found(sqlite_registry: Registry) -> None:
    assert (sqlite_registry.job(1), sqlite_registry.find_import("a")) == (None, None)


def test_an_import_is_not_its_rollback(sqlite_registry: Registry) -> None:
    job = add_job(sqlite_registry, import_id="a")
    add_job(sqlite_registry, import_id="a", kind="rollback")
    found = sqlite_registry.find_import("a")
    assert found is not None
    assert found.id == job.id
    assert sqlite_registry.count_imports({}) == 1


def test_a_claim_begins_an_attempt(registry: Registry) -> None:
    job = add_job(registry)
    claim = registry.claim(job.id)
    assert claim is not None
    assert (claim.attempt, claim.job.status, claim.job.lost_count) == (1, "running", 0)
    assert claim.job.started_at == claim.job.heartbeat_at > job.received_at


def test_a_job_that_runs_already_was_lost(registry: Registry) -> None:
    job = add_job(registry)
    registry.claim(job.id)
    claim = registry.claim(job.id)
    assert claim is not None
    assert (claim.attempt, claim.job.lost_count) == (2, 1)


def test_a_job_that_was_handed_back_was_not_lost(sqlite_registry: Registry) -> None:
    job = add_job(sqlite_registry)
    first = sqlite_registry.claim(job.id)
    assert first is not None
    sqlite_registry.update_claimed(first, status="queued")
    second = sqlite_registry.claim(job.id)
    assert second is not None
    assert (second.attempt, second.job.lost_count, second.job.started_at) == (
        2,
        0,
        first.job.started_at,
    )


@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled"])
def test_a_finished_job_can_not_be_claimed(sqlite_registry: Registry, status: str) -> None:
    job = add_job(sqlite_registry, status=status)
    assert sqlite_registry.claim(job.id) is None
    assert reread(sqlite_registry, job).status == status


@pytest.mark.parametrize(("seconds", "is_claimed"), [(60, False), (-1, True)])
def test_a_job_rests_until_its_time(
    sqlite_registry: Registry, seconds: float, is_claimed: bool
) -> None:
    job = add_job(sqlite_registry, not_before=from_now(seconds))
    assert (sqlite_registry.claim(job.id) is not None) is is_claimed


def test_what_is_not_there_can_not_be_claimed(sqlite_registry: Registry) -> None:
    assert sqlite_registry.claim(1) is None


def test_of_two_who_saw_the_same_one_gets_it(registry: Registry) -> None:
    job = add_job(registry)
    assert registry.claim(job.id) is not None
    assert Stale(registry, job).claim(job.id) is None
    assert reread(registry, job).attempt == 1


def test_of_two_who_saw_it_lost_one_gets_it(sqlite_registry: Registry) -> None:
    job = add_job(sqlite_registry)
    sqlite_registry.claim(job.id)
    seen = reread(sqlite_registry, job)
    assert sqlite_registry.claim(job.id) is not None
    assert Stale(sqlite_registry, seen).claim(job.id) is None
    assert (reread(sqlite_registry, job).attempt, reread(sqlite_registry, job).lost_count) == (2, 1)


def test_who_holds_the_claim_may_write(sqlite_registry: Registry) -> None:
    claim = sqlite_registry.claim(add_job(sqlite_registry).id)
    assert claim is not None
    sqlite_registry.update_claimed(claim, progress=0.5, rows_read=7)
    found = reread(sqlite_registry, claim.job)
    assert (found.progress, found.rows_read) == (0.5, 7)


def test_who_lost_the_claim_may_not(registry: Registry) -> None:
    job = add_job(registry)
    lost = registry.claim(job.id)
    registry.claim(job.id)
    assert lost is not None
    with pytest.raises(ClaimLost):
        registry.update_claimed(lost, status="succeeded", record_count=5)
    found = reread(registry, job)
    assert (found.status, found.record_count, found.attempt) == ("running", 0, 2)


def test_what_is_finished_is_not_written_again(sqlite_registry: Registry) -> None:
    claim = sqlite_registry.claim(add_job(sqlite_registry).id)
    assert claim is not None
    sqlite_registry.update_claimed(claim, status="failed", finished_at=now_text())
    with pytest.raises(ClaimLost):
        sqlite_registry.update_claimed(claim, status="succeeded")
    assert reread(sqlite_registry, claim.job).status == "failed"


def test_the_unfinished_come_oldest_first(sqlite_registry: Registry) -> None:
    jobs = [
        add_job(sqlite_registry, status=status)
        for status in ("queued", "succeeded", "running", "failed", "queued")
    ]
    assert [job.id for job in sqlite_registry.unfinished()] == [jobs[0].id, jobs[2].id, jobs[4].id]


@pytest.mark.parametrize(
    ("statuses", "count"),
    [
        ([], 0),
        (["succeeded", "failed", "cancelled"], 0),
        (["queued"], 1),
        (["succeeded", "running", "queued"], 2),
    ],
)
def test_it_counts_the_jobs_that_are_unfinished(
    sqlite_registry: Registry, statuses: list[str], count: int
) -> None:
    for status in statuses:
        add_job(sqlite_registry, status=status)
    assert sqlite_registry.count_unfinished() == count


def test_only_real_imports_that_succeeded_are_in_the_archive(sqlite_registry: Registry) -> None:
    add_job(sqlite_registry, import_id="a", status="succeeded")
    add_job(sqlite_registry, import_id="b", status="failed")
    add_job(sqlite_registry, import_id="c", status="succeeded", dry_run=True)
    add_job(sqlite_registry, import_id="a", status="succeeded", kind="rollback")
    add_job(sqlite_registry, import_id="d", status="succeeded")
    assert sqlite_registry.succeeded() == ["a", "d"]


@pytest.mark.parametrize(
    "values",
    [
        {"status": "failed"},
        {"status": "queued"},
        {"dry_run": True},
        {"sha256": "1" * 64},
        {"rolled_back_at": "2025-07-29T12:12:00.000000Z"},
    ],
    ids=str,
)
def test_an_import_that_does_not_count_is_not_the_latest(
    sqlite_registry: Registry, values: dict[str, Any]
) -> None:
    add_job(sqlite_registry, import_id="a", status="succeeded")
    add_job(sqlite_registry, **{"import_id": "b", "status": "succeeded"} | values)
    assert sqlite_registry.latest_with_bytes("0" * 64) == "a"


def test_the_latest_with_these_bytes_is_named(sqlite_registry: Registry) -> None:
    assert sqlite_registry.latest_with_bytes("0" * 64) is None
    for import_id in ("b", "a"):
        add_job(sqlite_registry, import_id=import_id, status="succeeded")
    assert sqlite_registry.latest_with_bytes("0" * 64) == "a"


def test_imports_come_newest_first_and_older_than_a_job(sqlite_registry: Registry) -> None:
    jobs = [add_job(sqlite_registry, import_id=name) for name in "abc"]
    assert [job.import_id for job in sqlite_registry.imports({}, limit=2)] == ["c", "b"]
    assert [job.import_id for job in sqlite_registry.imports({}, before=jobs[2].id, limit=9)] == [
        "b",
        "a",
    ]


def test_filters_hold_for_list_and_count(registry: Registry) -> None:
    add_job(registry, import_id="a", source="eBay", status="failed", received_at=from_now(-60))
    add_job(registry, import_id="b", source="ebay", sha256="a" * 64)
    add_job(registry, import_id="c", source=None, received_at=from_now(60))
    wanted: list[tuple[dict[str, Any], str]] = [
        ({}, "cba"),
        ({"status": "failed"}, "a"),
        ({"source": "EBAY"}, "ba"),
        ({"sha256": "A" * 64}, "b"),
        ({"received_after": from_now(0)}, "c"),
        ({"received_before": from_now(0), "source": "ebay", "status": None}, "ba"),
    ]
    for filters, found in wanted:
        assert "".join(job.import_id for job in registry.imports(filters, limit=9)) == found
        assert registry.count_imports(filters) == len(found)


def test_a_nudge_is_noted(sqlite_registry: Registry) -> None:
    job = add_job(sqlite_registry)
    sqlite_registry.mark_nudged(job.id)
    assert reread(sqlite_registry, job).nudged_at > job.received_at


def test_a_worker_is_alive_while_it_gives_signs(registry: Registry) -> None:
    assert registry.workers_alive() == 0
    registry.greet("a", "here", 1)
    registry.greet("b", "there", 2)
    registry.greet("a", "here", 1)
    assert (
        registry.workers_alive(),
        registry.workers_alive("here"),
        registry.workers_alive("nowhere"),
    ) == (2, 1, 0)
    _silence(registry, "a", WORKER_ALIVE_SECONDS + 1)
    assert (registry.workers_alive(), registry.workers_alive("here")) == (1, 0)


def test_a_silent_worker_may_come_back(sqlite_registry: Registry) -> None:
    sqlite_registry.greet("a", "here", 1)
    _silence(sqlite_registry, "a", 3600)
    sqlite_registry.greet("a", "here", 1)
    assert sqlite_registry.workers_alive() == 1


def test_a_worker_that_parts_is_gone_at_once(sqlite_registry: Registry) -> None:
    sqlite_registry.greet("a", "here", 1)
    sqlite_registry.part("a")
    assert (sqlite_registry.workers_alive(), _workers(sqlite_registry)) == (0, [])


def test_asking_whether_it_can_be_written_writes_nothing(registry: Registry) -> None:
    registry.greet("a", "here", 1)
    registry.check_writable()
    assert _workers(registry) == ["a"]


def test_a_registry_that_is_not_there_can_not_be_written(
    sqlite_registry: Registry, sqlite_settings: Settings
) -> None:
    sqlite_settings.registry_path.unlink()
    with pytest.raises(NotReady, match=r"gpu\.registry\.sqlite"):
        sqlite_registry.check_writable()


def test_calls_within_one_connection_use_it(sqlite_registry: Registry) -> None:
    with sqlite_registry.database.connection_context():
        job = add_job(sqlite_registry)
        assert reread(sqlite_registry, job).id == job.id
        assert not sqlite_registry.database.is_closed()
