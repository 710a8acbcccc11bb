"""How often sources send files, and when they are silent: each silence is reported in one event."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from glyphd.db.event_models import FeedEvent
from glyphd.db.registry_models import Job
from glyphd.events.feed import KEPT_DAYS
from glyphd.importing.registry import Registry
from glyphd.importing.source_states import rhythm_of, source_states
from tests.events.feeds import KEPT, claimed, feed, finish
from tests.importing.jobs import add_job, from_now

HOUR = 3600
DAY = 24 * HOUR
START = datetime(2025, 7, 1, tzinfo=UTC)


def _success(registry: Registry, hours_ago: float, source: str = "feed", **values: object) -> Job:
    job = add_job(registry, source=source, **KEPT, **values)
    finish(registry, claimed(registry, job), finished_at=from_now(-hours_ago * HOUR))
    return job


def _silences(registry: Registry) -> list[str]:
    return [data["import_id"] for kind, data in feed(registry) if kind == "source.silent"]


def _longest(*hours: float) -> float:
    found = rhythm_of([START + timedelta(hours=hour) for hour in hours])
    assert found is not None
    return found.longest / timedelta(hours=1)


def test_a_source_is_silent_after_twice_its_usual_interval() -> None:
    assert _longest(0, 24, 48, 72) == 48


def test_a_weekend_is_no_silence() -> None:
    assert _longest(0, 24, 48, 120, 144) == 90


def test_no_silence_is_shorter_than_an_hour() -> None:
    assert _longest(0, 0.1, 0.2, 0.3) == 1


def test_three_successes_have_no_usual_interval() -> None:
    assert rhythm_of([START, START, START]) is None


@pytest.fixture
def daily(registry: Registry) -> Job:
    """The last success of a source that sent a file every day, but none for three days."""
    return [_success(registry, hours) for hours in (144, 120, 96, 72)][-1]


def test_a_silence_is_reported_once_by_however_many(registry: Registry, daily: Job) -> None:
    with ThreadPoolExecutor(4) as workers:
        for _ in range(2):
            for done in [workers.submit(registry.report_silent) for _ in range(4)]:
                done.result()
    ((_, data),) = [event for event in feed(registry) if event[0] == "source.silent"]
    assert (data["import_id"], data["source"]) == (daily.import_id, "feed")
    assert data["usual_interval_seconds"] == pytest.approx(DAY, abs=60)
    assert data["silent_since"][:16] == from_now(-DAY)[:16]


def test_the_next_silence_is_another_one(registry: Registry, daily: Job) -> None:
    registry.report_silent()
    later = _success(registry, 71, source="FEED")
    registry.report_silent()
    assert _silences(registry) == [daily.import_id, later.import_id]


def test_a_source_whose_file_waits_or_that_never_had_a_rhythm_is_not_silent(
    registry: Registry, daily: Job
) -> None:
    add_job(registry, source="Feed")
    _success(registry, 500, source="once")
    for hours in (4, 3, 2, 1):
        _success(registry, hours * DAY / HOUR, source="checked", dry_run=True)
    registry.report_silent()
    assert _silences(registry) == []


def test_a_silence_whose_event_was_deleted_for_its_age_is_not_reported_again(
    registry: Registry,
) -> None:
    for days in (4, 3, 2, 0):
        _success(registry, (KEPT_DAYS + 10 + days) * 24)
    registry.report_silent()
    assert _silences(registry) == []


def test_a_success_in_the_same_moment_ends_the_silence(
    registry: Registry, daily: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is committed after the sources were read, and before the event."""
    seen = source_states(registry, datetime.now(UTC))
    _success(registry, 0)
    monkeypatch.setattr("glyphd.importing.registry.source_states", lambda *_: seen)
    registry.report_silent()
    assert _silences(registry) == []
    with registry.connected():
        assert (
            registry.database.execute(
                FeedEvent.select().where(FeedEvent.kind == "source.silent")
            ).fetchone()
            is None
        )
