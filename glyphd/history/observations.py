"""One listing's history: all its events, oldest first, each with what changed since the one before."""

from collections.abc import Iterator
from typing import Any

from peewee import Database

from glyphd.db.archive_models import ScoredListing
from glyphd.history.changes import change_pct, difference
from glyphd.storage.knowledge import present
from glyphd.storage.predicates import is_of_listing
from glyphd.storage.rows import RESULT_COLUMNS, convert_rows, select_rows

OBSERVATION_COLUMNS = (*RESULT_COLUMNS, "price_delta", "price_delta_pct", "score_delta")
_PRICE, _SCORE, _ROLLED_BACK = (RESULT_COLUMNS.index(name) for name in ("price_usd", "score", "rolled_back_at"))
Row = tuple[Any, ...]
_NOTHING_BEFORE = (None, None, None)


def observations(database: Database, listing_id: bytes) -> Iterator[Row]:
    """The events by `seen_at`, then by import. An event of an import that was rolled back has no deltas, and none is
    counted from it. The caller holds the connection."""
    query = select_rows(RESULT_COLUMNS, present(database)).where(is_of_listing(listing_id))
    events = database.execute(query.order_by(ScoredListing.seen_at, ScoredListing.id))
    before: Row | None = None
    for event in convert_rows(RESULT_COLUMNS, events):
        counts = event[_ROLLED_BACK] is None
        yield event + (_changes(before, event) if counts and before else _NOTHING_BEFORE)
        before = event if counts else before


def _changes(before: Row, event: Row) -> Row:
    old, new = before[_PRICE], event[_PRICE]
    return difference(old, new), change_pct(old, new), difference(before[_SCORE], event[_SCORE])
