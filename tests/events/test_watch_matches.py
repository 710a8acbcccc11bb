"""Matches of watches are published once, with the outcome of the job that found them, even if
processes die."""

from typing import Any

import pytest

from glyphd.contracts.watch_contracts import WatchBody
from glyphd.db.watch_models import Watch, WatchMatch
from glyphd.events.watch_matches import Found, matches_of
from glyphd.events.watch_records import WatchRecords
from glyphd.importing.claims import ClaimLost
from glyphd.importing.registry import Registry
from tests.events.feeds import KEPT, claimed, feed, finish, kinds
from tests.importing.jobs import add_job

FINISHED = "import.finished"
MATCHED = "watch.matched"


def _watch(registry: Registry, name: str = "new") -> Watch:
    body = WatchBody.model_validate({"name": name, "condition": "new"})
    with registry.connected():
        return WatchRecords(registry.database).create(body, None)


def _found(watch: Watch, *prices: float) -> Found:
    """Offers at these prices."""
    offers = [
        {
            "change": "import",
            "import_id": "i",
            "listing_id": f"{price:032.0f}",
            "model": "L4",
            "condition": None,
            "seller": None,
            "region": None,
            "source_url": None,
            "price_usd": price,
            "previous_price_usd": None,
            "price_delta_pct": None,
            "score": 0.5,
            "seen_at": "2025-07-29T12:12:00.000000Z",
        }
        for price in prices
    ]
    return Found(watch.id, len(offers), offers)


def _prices(registry: Registry, watch: Watch) -> list[float]:
    with registry.connected():
        rows = matches_of(registry.database, watch.id, after=0, before=None, limit=100)
    return [row[10] for _, row in rows]


def _kept(registry: Registry) -> int:
    with registry.connected():
        return int(WatchMatch.select().bind(registry.database).count())


def test_matches_are_seen_with_the_outcome_and_not_before(registry: Registry) -> None:
    watch, other = _watch(registry), _watch(registry, "other")
    claim = claimed(registry, add_job(registry, source="ebay", **KEPT))
    registry.keep_matches(claim, [_found(other, 9), _found(watch, 1, 2)])
    assert (_prices(registry, watch), kinds(registry)) == ([], [])
    finish(registry, claim)
    assert kinds(registry) == [FINISHED, MATCHED, MATCHED]
    named = [(data["name"], data["total"], data["source"]) for _, data in feed(registry)[1:]]
    assert named == [("new", 2, "ebay"), ("other", 1, "ebay")]
    assert (_prices(registry, watch), _prices(registry, other)) == ([1, 2], [9])


def test_an_attempt_that_died_before_the_commit_leaves_nothing(registry: Registry) -> None:
    watch = _watch(registry)
    job = add_job(registry, **KEPT)
    registry.keep_matches(claimed(registry, job), [_found(watch, 1, 2)])
    again = claimed(registry, job)
    registry.keep_matches(again, [_found(watch, 2, 3)])
    finish(registry, again)
    assert (_prices(registry, watch), kinds(registry)) == ([2, 3], [FINISHED, MATCHED])


def test_an_attempt_that_died_after_the_commit_is_reported_by_the_next_one(
    registry: Registry,
) -> None:
    """The next attempt finds the batch in the archive, and only records the outcome."""
    watch = _watch(registry)
    job = add_job(registry, **KEPT)
    registry.keep_matches(claimed(registry, job), [_found(watch, 1)])
    finish(registry, claimed(registry, job))
    assert (_prices(registry, watch), kinds(registry)) == ([1], [FINISHED, MATCHED])


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_job_that_did_not_succeed_has_found_nothing(registry: Registry, status: str) -> None:
    watch = _watch(registry)
    claim = claimed(registry, add_job(registry, **KEPT))
    registry.keep_matches(claim, [_found(watch, 1)])
    finish(registry, claim, status=status)
    assert (_prices(registry, watch), kinds(registry), _kept(registry)) == ([], [FINISHED], 0)


def test_who_lost_the_claim_keeps_nothing(registry: Registry) -> None:
    watch = _watch(registry)
    job = add_job(registry, **KEPT)
    lost = claimed(registry, job)
    holder = claimed(registry, job)
    registry.keep_matches(holder, [_found(watch, 1)])
    with pytest.raises(ClaimLost):
        registry.keep_matches(lost, [_found(watch, 2)])
    finish(registry, holder)
    assert _prices(registry, watch) == [1]


def test_a_watch_deleted_meanwhile_reports_nothing(registry: Registry) -> None:
    watch = _watch(registry)
    claim = claimed(registry, add_job(registry, **KEPT))
    with registry.connected():
        WatchRecords(registry.database).delete(watch.id)
    registry.keep_matches(claim, [_found(watch, 1)])
    finish(registry, claim)
    assert (kinds(registry), _kept(registry)) == ([FINISHED], 0)


def test_outcome_and_matches_are_committed_together(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("killed")

    watch = _watch(registry)
    claim = claimed(registry, add_job(registry, **KEPT))
    registry.keep_matches(claim, [_found(watch, 1)])
    with monkeypatch.context() as patched:
        patched.setattr("glyphd.events.watch_matches.report_of_matches", broken)
        with pytest.raises(RuntimeError):
            finish(registry, claim)
    assert (_prices(registry, watch), kinds(registry)) == ([], [])
    finish(registry, claim)
    assert (_prices(registry, watch), kinds(registry)) == ([1], [FINISHED, MATCHED])


def test_matches_are_deleted_with_their_events(registry: Registry) -> None:
    watch = _watch(registry)
    claim = claimed(registry, add_job(registry, **KEPT))
    registry.keep_matches(claim, [_found(watch, 1)])
    finish(registry, claim)
    with registry.connected():
        registry.database.execute_sql("UPDATE events SET id = id - 8000000000000")
        registry.database.execute_sql(
            "UPDATE watch_matches SET event_id = event_id - 8000000000000"
        )
    registry.prune_events()
    assert (kinds(registry), _kept(registry)) == ([], 0)
