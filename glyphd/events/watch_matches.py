"""The matches of watches: stored before a change of the archive is committed, published with its
outcome.

The worker stores the matches of a job, still invisible, while the archive's transaction is open.
The transaction that records the job's outcome publishes them, with an event for each watch, or
deletes them if the job did not succeed. So a change has visible matches exactly if it is in the
archive, and nothing has to be recomputed after a crash. The caller holds the connection.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from peewee import Database, Node, fn

from glyphd.contracts.watch_contracts import MATCH_COLUMNS
from glyphd.db.compiled import compiled, given
from glyphd.db.dialects import add_rows
from glyphd.db.event_models import FeedEvent
from glyphd.db.registry_models import Job
from glyphd.db.watch_models import Watch, WatchMatch
from glyphd.events.feed import add_event
from glyphd.events.reports import report_of_matches

SHOWN_OFFERS = 10
"""The most offers in the event of a watch."""

_KEPT_COLUMNS = ("watch_id", "job_id", "listing_id", "total", "offer")

Position = tuple[int, int]
"""The event and the id of a match."""


@dataclass(frozen=True)
class Found:
    """What one watch found in one change: the number of offers, and the first of them. Each is a
    dictionary of MATCH_COLUMNS without those of the event."""

    watch_id: str
    total: int
    offers: Sequence[Mapping[str, Any]]


def keep_matches(database: Database, job: Job, found: Sequence[Found]) -> None:
    """Stores what watches found in the job's uncommitted change, in place of what an earlier
    attempt stored."""
    discard_matches(database, job)
    # Watches with the same filters and condition share their offers, which are written as JSON
    # once.
    texts = {id(one.offers): [json.dumps(offer) for offer in one.offers] for one in found}
    rows = (
        (one.watch_id, job.id, offer["listing_id"], one.total, text)
        for one in found
        for offer, text in zip(one.offers, texts[id(one.offers)], strict=True)
    )
    add_rows(database, WatchMatch._meta.table_name, _KEPT_COLUMNS, rows)


def discard_matches(database: Database, job: Job) -> None:
    """Deletes the unpublished matches of a job."""
    _, deleting = _kept(database)
    deleting.execute(database, job_id=job.id)


def publish_matches(database: Database, job: Job, its_import: Job) -> None:
    """Adds an event for each watch that found something in the job, in the order of the watches,
    and makes the matches visible."""
    finding, _ = _kept(database)
    totals = dict(finding.execute(database, job_id=job.id).fetchall())
    if not totals:
        return
    watches = Watch.select().where(Watch.id.in_(list(totals)))
    showing, publishing = _publishing(database)
    for watch in watches.order_by(Watch.created_at, Watch.id).bind(database):
        mine = {"watch_id": watch.id, "job_id": job.id}
        shown = showing.execute(database, **mine).fetchall()
        offers = [json.loads(text) for (text,) in shown]
        report = report_of_matches(job, its_import, watch, totals[watch.id], offers)
        publishing.execute(database, event_id=add_event(database, report), **mine)
    # The matches of a watch that was deleted meanwhile.
    discard_matches(database, job)


@compiled
def _kept(database: Database) -> list[Node]:
    """For the unpublished matches of a job: how many offers each watch has found, and a deletion of
    them."""
    is_kept = (WatchMatch.job_id == given("job_id")) & WatchMatch.event_id.is_null()
    totals = WatchMatch.select(WatchMatch.watch_id, fn.MAX(WatchMatch.total))
    return [totals.where(is_kept).group_by(WatchMatch.watch_id), WatchMatch.delete().where(is_kept)]


@compiled
def _publishing(database: Database) -> list[Node]:
    """For the unpublished matches of a watch in a job: the first offers, and the update that
    publishes all."""
    mine = (
        (WatchMatch.watch_id == given("watch_id"))
        & (WatchMatch.job_id == given("job_id"))
        & WatchMatch.event_id.is_null()
    )
    shown = WatchMatch.select(WatchMatch.offer).where(mine).order_by(WatchMatch.id)
    return [shown.limit(SHOWN_OFFERS), WatchMatch.update(event_id=given("event_id")).where(mine)]


def matches_of(
    database: Database, watch_id: str, *, after: int, before: Position | None, limit: int
) -> list[tuple[Position, tuple[Any, ...]]]:
    """The published matches of a watch with their positions, the latest change first, and within a
    change the cheapest offer first; each is a row of MATCH_COLUMNS."""
    found: list[tuple[Position, tuple[Any, ...]]] = []
    for query in _parts(watch_id, after, before):
        ordered = query.order_by(WatchMatch.event_id.desc(), WatchMatch.id)
        rows = database.execute(ordered.limit(limit - len(found))).fetchall()
        found += [
            ((event_id, match_id), _row(event_id, matched_at, offer))
            for event_id, match_id, matched_at, offer in rows
        ]
        if len(found) == limit:
            break
    return found


def _parts(watch_id: str, after: int, before: Position | None) -> Iterator[Any]:
    """Two plain range scans rather than one condition with an OR."""
    query = (
        WatchMatch.select(
            WatchMatch.event_id, WatchMatch.id, FeedEvent.occurred_at, WatchMatch.offer
        )
        .join(FeedEvent, on=FeedEvent.id == WatchMatch.event_id)
        .where(WatchMatch.watch_id == watch_id, WatchMatch.event_id > after)
    )
    if before is None:
        yield query
        return
    event_id, match_id = before
    yield query.where(WatchMatch.event_id == event_id, WatchMatch.id > match_id)
    yield query.where(WatchMatch.event_id < event_id)


def _row(event_id: int, matched_at: str, offer: str) -> tuple[Any, ...]:
    found = json.loads(offer) | {"event_id": event_id, "matched_at": matched_at}
    return tuple(found[name] for name in MATCH_COLUMNS)
