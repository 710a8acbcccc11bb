"""The event feed in the registry: events are added within the transaction of what they report, read
in order, and pruned by age. The caller holds the connection.
"""

import json
import time
from collections.abc import Sequence
from typing import Any

from peewee import Case, Database, Node

from glyphd.contracts.event_contracts import EventKind
from glyphd.db.compiled import compiled, given
from glyphd.db.event_models import EventFeed, FeedEvent
from glyphd.db.watch_models import WatchMatch
from glyphd.event_errors import EventsPruned
from glyphd.events.reports import Report

EVENT_COLUMNS = ("id", "kind", "occurred_at", "data")
KEPT_DAYS = 90
_MICROSECONDS_A_DAY = 24 * 60 * 60 * 1_000_000

Event = tuple[int, str, str, dict[str, Any]]
"""The values of EVENT_COLUMNS."""


def add_event(database: Database, report: Report) -> int | None:
    """Adds the event and returns its id; None if this attempt has already reported it. The caller's
    transaction is the one that records the reported outcome."""
    event_id = _lock_feed(database)
    if is_reported(database, report):
        return None
    (adding,) = _adding(database)
    adding.execute(
        database,
        id=event_id,
        occurred_at=report.occurred_at,
        data=report.data.model_dump_json(),
        **_identity_of(report),
    )
    return event_id


def is_reported(database: Database, report: Report) -> bool:
    """Whether this attempt has reported such an event."""
    (finding,) = _finding(database)
    return finding.execute(database, **_identity_of(report)).fetchone() is not None


def _identity_of(report: Report) -> dict[str, Any]:
    """What no two events have in common, by column."""
    return {
        "kind": str(report.kind),
        "job_id": report.job.id,
        "attempt": report.job.attempt,
        "subject": report.subject,
    }


@compiled
def _adding(database: Database) -> list[Node]:
    names = ("id", "kind", "occurred_at", "job_id", "attempt", "data", "subject")
    return [FeedEvent.insert({name: given(name) for name in names})]


@compiled
def _finding(database: Database) -> list[Node]:
    query = FeedEvent.select(FeedEvent.id).where(
        FeedEvent.job_id == given("job_id"),
        FeedEvent.kind == given("kind"),
        FeedEvent.attempt == given("attempt"),
        FeedEvent.subject == given("subject"),
    )
    return [query]


def events_after(
    database: Database, after: int, kinds: Sequence[EventKind], *, limit: int
) -> list[Event]:
    """The next events of these kinds, or of any without one.

    Raises EventsPruned if events after `after` were pruned; 0 means the oldest event that is kept.
    """
    rows = kept_events(database, after, kinds, limit=limit)
    # Looked up after the events, so that a pruning between the two is noticed.
    if after:
        _require_kept(database, after)
    return rows


def kept_events(
    database: Database, after: int, kinds: Sequence[EventKind], *, limit: int
) -> list[Event]:
    """The same for a reader that does not care about pruned events."""
    query = FeedEvent.select(*(FeedEvent._meta.columns[name] for name in EVENT_COLUMNS)).where(
        FeedEvent.id > after
    )
    if kinds:
        query = query.where(FeedEvent.kind.in_([str(kind) for kind in kinds]))
    rows = database.execute(query.order_by(FeedEvent.id).limit(limit)).fetchall()
    return [(*row[:-1], json.loads(row[-1])) for row in rows]


def prune_events(database: Database) -> int:
    """Deletes the events that are older than KEPT_DAYS; returns their number."""
    before = time.time_ns() // 1000 - KEPT_DAYS * _MICROSECONDS_A_DAY
    old = FeedEvent.id < before
    newest = FeedEvent.select(FeedEvent.id).where(old).order_by(FeedEvent.id.desc()).limit(1)
    if (found := database.execute(newest).fetchone()) is None:
        return 0
    with database.atomic():
        database.execute(EventFeed.update(pruned_event_id=found[0]))
        database.execute(WatchMatch.delete().where(WatchMatch.event_id <= found[0]))
        return int(FeedEvent.delete().where(FeedEvent.id <= found[0]).bind(database).execute())


def _lock_feed(database: Database) -> int:
    """The id of the next event, within the caller's transaction.

    On PostgreSQL the changed row stays locked until that transaction ends, so that events become
    visible in the order of their ids; on SQLite the write lock has the same effect. Ids follow the
    clock, so after a backup is restored no id is used twice, and readers can resume.
    """
    locking, reading = _locking(database)
    locking.execute(database, now=time.time_ns() // 1000)
    return int(reading.execute(database).fetchone()[0])


@compiled
def _locking(database: Database) -> list[Node]:
    last = EventFeed.last_event_id
    following = Case(None, [(last >= given("now"), last + 1)], given("now"))
    return [EventFeed.update(last_event_id=following), EventFeed.select(last)]


def _require_kept(database: Database, after: int) -> None:
    pruned = EventFeed.pruned_event_id
    (latest,) = database.execute(EventFeed.select(pruned)).fetchone()
    if after < latest:
        raise EventsPruned(
            f"the events that followed {after} were deleted after {KEPT_DAYS} days: leave `after` "
            "out to begin with the oldest that is kept",
            pruned=latest,
        )
