"""One listing's history: all its events, oldest first, each with what changed since the previous
one."""

from collections.abc import Iterator, Sequence
from itertools import tee
from typing import Any

from peewee import Database

from glyphd.db.archive_models import ImportBatch, ScoredListing
from glyphd.db.dialects import stream, uncommitted
from glyphd.history.differences import change_pct, difference
from glyphd.listings.results import RowStream
from glyphd.listings.search import known_at
from glyphd.storage.offers import is_observation, thread_of
from glyphd.storage.predicates import is_of_listing
from glyphd.storage.result_rows import RESULT_COLUMNS, convert_rows, select_rows

OBSERVATION_COLUMNS = (
    *RESULT_COLUMNS,
    "indistinct",
    "price_delta",
    "price_delta_pct",
    "score_delta",
)
_PRICE, _SCORE, _ROLLED_BACK = (
    RESULT_COLUMNS.index(name) for name in ("price_usd", "score", "rolled_back_at")
)
ListingEvent = Sequence[Any]
_NO_DELTAS = (None, None, None)


def observations(database: Database, listing_id: bytes, as_of: str | None = None) -> RowStream:
    """The events by `seen_at`, then by import. The caller holds the connection.

    An event has no deltas, and none is computed from it, if its import was rolled back, if its row
    repeats another one, or if it is `indistinct`: it can't be matched to one of several offers.
    """
    known = known_at(database, as_of)
    query = select_rows(RESULT_COLUMNS, known).where(is_of_listing(listing_id))
    is_held = known.is_held()
    if is_held is not None:
        query = query.where(is_held)
    judged = (
        is_observation(),
        ScoredListing.is_indistinct,
        thread_of(ScoredListing, ImportBatch.source),
    )
    ordered = query.select_extend(*judged).order_by(ScoredListing.seen_at, ScoredListing.id)
    with uncommitted(database):
        yield from _compared(stream(database, ordered), len(judged))


def _compared(events: Iterator[ListingEvent], judged: int) -> Iterator[ListingEvent]:
    """The events, whose last columns are the judgements, with the changes from one to the next."""
    before: dict[str, ListingEvent] = {}
    ahead, behind = tee(events)  # the two are at most one row apart
    shown = convert_rows(RESULT_COLUMNS, (event[:-judged] for event in ahead))
    judgements = (event[-judged:] for event in behind)
    for event, (is_counted, is_indistinct, thread) in zip(shown, judgements, strict=True):
        earlier = before.get(thread)
        counts = is_counted and event[_ROLLED_BACK] is None
        is_compared = counts and not is_indistinct and earlier is not None and not earlier[-1]
        deltas = _deltas(earlier, event) if is_compared and earlier else _NO_DELTAS
        yield (*event, bool(is_indistinct), *deltas)
        if counts:
            before[thread] = (*event, is_indistinct)


def _deltas(before: ListingEvent, event: ListingEvent) -> ListingEvent:
    old, new = before[_PRICE], event[_PRICE]
    return difference(old, new), change_pct(old, new), difference(before[_SCORE], event[_SCORE])
