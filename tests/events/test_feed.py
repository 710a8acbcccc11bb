"""The event feed: it has each outcome once, and readers never miss one."""

import time
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event

import pytest
from peewee import IntegrityError

from glyphd.contracts.event_contracts import EventKind
from glyphd.db.connections import open_registry
from glyphd.db.event_models import EventFeed, FeedEvent
from glyphd.db.migrations import migrate
from glyphd.errors import DataWouldBeLost
from glyphd.event_errors import EventsPruned
from glyphd.events.feed import KEPT_DAYS, add_event, events_after, prune_events
from glyphd.events.reports import report_of_end
from glyphd.importing.claims import ClaimLost
from glyphd.importing.registry import Registry
from glyphd.importing.status import STALLED_SECONDS
from glyphd.settings import Settings
from glyphd.times import now_text
from tests.events.feeds import KEPT, claimed, feed, finish, finished_import, kinds
from tests.importing.jobs import add_job, from_now, reread

LONG_AGO = -2 * STALLED_SECONDS
LONG_ENOUGH_SECONDS = 2.0
"""By then a writer that nothing delays has committed."""
DAY = 24 * 60 * 60 * 1_000_000


def _silence(registry: Registry, job_id: int) -> None:
    """Makes the last heartbeat of a running job an old one."""
    with registry.connected():
        registry.database.execute_sql(
            f"UPDATE jobs SET heartbeat_at = '{from_now(LONG_AGO)}' WHERE id = {job_id}"
        )


def _age(registry: Registry, event_id: int, days: float) -> int:
    """Makes an event `days` old; returns its new id."""
    old = time.time_ns() // 1000 - int(days * DAY)
    with registry.connected():
        registry.database.execute(FeedEvent.update(id=old).where(FeedEvent.id == event_id))
    return old


def _ids(registry: Registry) -> list[int]:
    with registry.connected():
        return [event[0] for event in events_after(registry.database, 0, [], limit=1000)]


@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled"])
def test_an_import_that_ends_is_an_event(registry: Registry, status: str) -> None:
    job = add_job(registry, source="ebay", **KEPT)
    finish(registry, claimed(registry, job), status=status)
    ((kind, data),) = feed(registry)
    assert kind == "import.finished"
    assert (data["import_id"], data["source"], data["status"]) == (job.import_id, "ebay", status)
    assert data["finished_at"] == reread(registry, job).finished_at


def test_a_dry_run_that_ends_says_that_it_was_one(sqlite_registry: Registry) -> None:
    finished_import(sqlite_registry, dry_run=True)
    ((_, data),) = feed(sqlite_registry)
    assert data["dry_run"] is True


def test_an_import_that_goes_on_is_no_event(sqlite_registry: Registry) -> None:
    claim = claimed(sqlite_registry, add_job(sqlite_registry, **KEPT))
    sqlite_registry.update_claimed(claim, progress=0.5)
    sqlite_registry.update_claimed(claim, status="queued")
    assert feed(sqlite_registry) == []


@pytest.mark.parametrize(
    ("kind", "reported"), [("rollback", "import.rolled_back"), ("restore", "import.restored")]
)
def test_a_change_that_was_carried_out_is_an_event(
    registry: Registry, kind: str, reported: str
) -> None:
    job = finished_import(registry, source="ebay")
    change = add_job(registry, kind=kind, import_id=job.import_id, reason="wrong prices")
    moment = now_text()
    finish(registry, claimed(registry, change), imported_at=moment)
    assert feed(registry)[1:] == [
        (
            reported,
            {
                "import_id": job.import_id,
                "source": "ebay",
                "reason": "wrong prices",
                "requested_at": change.received_at,
                "changed_at": moment,
            },
        )
    ]


def test_a_change_that_failed_is_none(sqlite_registry: Registry) -> None:
    job = finished_import(sqlite_registry)
    change = add_job(sqlite_registry, kind="rollback", import_id=job.import_id)
    finish(sqlite_registry, claimed(sqlite_registry, change), status="failed")
    assert kinds(sqlite_registry) == ["import.finished"]


def test_who_lost_the_claim_reports_nothing(registry: Registry) -> None:
    job = add_job(registry, **KEPT)
    lost = claimed(registry, job)
    holder = claimed(registry, job)
    with pytest.raises(ClaimLost):
        finish(registry, lost)
    finish(registry, holder)
    with pytest.raises(ClaimLost):
        finish(registry, holder)
    assert kinds(registry) == ["import.finished"]


def test_outcome_and_event_are_committed_together(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a kill between the two, neither exists."""

    def broken(*_: object) -> None:
        raise RuntimeError("killed")

    job = add_job(registry, **KEPT)
    claim = claimed(registry, job)
    with monkeypatch.context() as patched:
        patched.setattr("glyphd.importing.registry.add_event", broken)
        with pytest.raises(RuntimeError):
            finish(registry, claim)
    assert reread(registry, job).status == "running"
    finish(registry, claim)
    assert kinds(registry) == ["import.finished"]


def test_the_database_refuses_a_second_event_of_an_attempt(registry: Registry) -> None:
    finished_import(registry)
    same = "kind, occurred_at, job_id, attempt, data, subject"
    copy = f"INSERT INTO events SELECT id + 1, {same} FROM events"
    with registry.connected(), pytest.raises(IntegrityError), registry.database.atomic():
        registry.database.execute_sql(copy)


def test_an_import_without_a_heartbeat_is_reported_once_an_attempt(registry: Registry) -> None:
    job = add_job(registry, **KEPT)
    claimed(registry, job)
    registry.report_stalled()
    assert feed(registry) == []
    _silence(registry, job.id)
    registry.report_stalled()
    registry.report_stalled()
    ((kind, data),) = feed(registry)
    assert (kind, data["import_id"], data["attempt"]) == ("import.stalled", job.import_id, 1)
    claimed(registry, job)
    _silence(registry, job.id)
    registry.report_stalled()
    assert [data["attempt"] for _, data in feed(registry)] == [1, 2]


def test_a_stall_that_nobody_saw_is_reported_by_the_worker_that_takes_over(
    registry: Registry,
) -> None:
    job = add_job(registry, **KEPT)
    claimed(registry, job)
    _silence(registry, job.id)
    finish(registry, claimed(registry, job))
    assert kinds(registry) == ["import.stalled", "import.finished"]


def test_a_takeover_at_once_is_no_stall(sqlite_registry: Registry) -> None:
    job = add_job(sqlite_registry, **KEPT)
    claimed(sqlite_registry, job)
    claimed(sqlite_registry, job)
    assert feed(sqlite_registry) == []


def test_many_who_notice_a_stall_report_it_once(registry: Registry) -> None:
    job = add_job(registry, **KEPT)
    claimed(registry, job)
    _silence(registry, job.id)

    def notice(_: int) -> None:
        registry.report_stalled()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(notice, range(4)))
    assert kinds(registry) == ["import.stalled"]


def test_events_become_visible_in_the_order_of_their_ids(registry: Registry) -> None:
    """Once a reader has seen an event, no earlier one may appear."""
    job = finished_import(registry)
    report = report_of_end(reread(registry, job), job)
    assert report is not None
    seen = _ids(registry)
    is_added, may_commit = Event(), Event()

    def add_slowly() -> None:
        with registry.connected(), registry.database.atomic():
            other = report.__class__(EventKind.IMPORT_STALLED, job, now_text(), report.data)
            add_event(registry.database, other)
            is_added.set()
            assert may_commit.wait(60)

    with ThreadPoolExecutor(2) as threads:
        slow = threads.submit(add_slowly)
        assert is_added.wait(60)
        quick = threads.submit(finished_import, registry)
        assert not wait([quick], timeout=LONG_ENOUGH_SECONDS).done
        assert _ids(registry) == seen
        may_commit.set()
        slow.result()
        quick.result()
    assert kinds(registry) == ["import.finished", "import.stalled", "import.finished"]
    assert _ids(registry) == sorted(_ids(registry))


def test_many_writers_and_a_reader_that_resumes(registry: Registry) -> None:
    """The reader gets every event once and in order, whatever is committed meanwhile."""
    writers, each = 4, 10
    is_over = Event()

    def write(_: int) -> None:
        for _ in range(each):
            finished_import(registry)

    def read() -> list[int]:
        found: list[int] = []
        while True:
            was_over = is_over.is_set()
            with registry.connected():
                after = found[-1] if found else 0
                events = events_after(registry.database, after, [], limit=3)
            found += [event[0] for event in events]
            if was_over and not events:
                return found

    with ThreadPoolExecutor(writers + 1) as threads:
        reader = threads.submit(read)
        list(threads.map(write, range(writers)))
        is_over.set()
        assert reader.result() == _ids(registry)
    assert len(_ids(registry)) == writers * each


def test_ids_grow_although_the_clock_goes_back(sqlite_registry: Registry) -> None:
    finished_import(sqlite_registry)
    ahead = time.time_ns() // 1000 + 365 * DAY
    with sqlite_registry.connected():
        sqlite_registry.database.execute(EventFeed.update(last_event_id=ahead))
    finished_import(sqlite_registry)
    finished_import(sqlite_registry)
    assert _ids(sqlite_registry)[1:] == [ahead + 1, ahead + 2]


def test_no_id_comes_again_after_an_older_registry_is_restored(sqlite_registry: Registry) -> None:
    finished_import(sqlite_registry)
    (lost,) = _ids(sqlite_registry)
    with sqlite_registry.connected():
        sqlite_registry.database.execute(FeedEvent.delete())
        sqlite_registry.database.execute(EventFeed.update(last_event_id=0))
    finished_import(sqlite_registry)
    assert _ids(sqlite_registry)[0] > lost


def test_old_events_are_pruned_and_a_reader_who_missed_some_is_told(registry: Registry) -> None:
    for _ in range(3):
        finished_import(registry)
    first, second, third = _ids(registry)
    read = _age(registry, first, KEPT_DAYS + 3)
    missed = _age(registry, second, KEPT_DAYS + 1)
    with registry.connected():
        assert prune_events(registry.database) == 2
        assert prune_events(registry.database) == 0
        with pytest.raises(EventsPruned):
            events_after(registry.database, read, [], limit=10)
        for after in (0, missed):
            events = events_after(registry.database, after, [], limit=10)
            assert [event[0] for event in events] == [third]


def test_younger_events_stay(sqlite_registry: Registry) -> None:
    finished_import(sqlite_registry)
    _age(sqlite_registry, _ids(sqlite_registry)[0], KEPT_DAYS - 1)
    sqlite_registry.prune_events()
    assert len(_ids(sqlite_registry)) == 1


def test_a_step_down_would_drop_the_events(sqlite_settings: Settings) -> None:
    finished_import(Registry(open_registry(sqlite_settings)))
    with pytest.raises(DataWouldBeLost, match="events"):
        migrate(sqlite_settings, "registry:4")
