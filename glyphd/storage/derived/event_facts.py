"""The columns of events that follow from the other events of their listing, computed together."""

from collections.abc import Iterator
from functools import reduce
from operator import or_
from typing import Any

from peewee import Case, Database, Table, fn

from glyphd.db.archive_models import ImportBatch, ScoredListing
from glyphd.storage.comparing import MOST, differ
from glyphd.storage.derived.current import Current, is_latest
from glyphd.storage.derived.facts import EventColumn
from glyphd.storage.derived.indistinct import Indistinct
from glyphd.storage.derived.steps import Steps
from glyphd.storage.knowledge import Knowledge
from glyphd.storage.offers import is_indistinct, is_observation, thread_of

EVENT_COLUMNS: tuple[EventColumn, ...] = (Current(), Indistinct(), Steps())
NAMES = tuple(column.name for column in EVENT_COLUMNS)
_ALL_ROLLBACKS = Knowledge(has_rollbacks=True)

renewed_listings = Table("renewed_listings")
"""The first events of the listings of a renewal, including all offers of their groups."""

renewed = Table("renewed_events")
"""The rows of `derived_events` for the listings of a renewal."""


def derived_events(first_event_ids: Any | None = None, known: Knowledge = _ALL_ROLLBACKS) -> Any:
    """Every event of the listings (None: of all listings) with the values that its columns should
    have.

    Those are `event_id`, `listing_id`, `is_latest` and EVENT_COLUMNS. An event of an import that
    was rolled back does not count, nor does a row that repeats another. All offers of a group must
    be among the listings.
    """
    event = followed_events(first_event_ids, known)
    return event.select_from(
        event.c.id.alias("event_id"),
        event.c.listing_id.alias("listing_id"),
        Case(None, [(is_latest(event), 1)], 0).alias("is_latest"),
        *(column.of_event(event, known).alias(column.name) for column in EVENT_COLUMNS),
    )


def followed_events(first_event_ids: Any | None, known: Knowledge) -> Any:
    """The events with the next one in their listing, and the previous one in their thread."""
    event = _counted_events(first_event_ids, known).alias("judged")
    names = (
        "id",
        "import_id",
        "listing_id",
        "group_id",
        "ordinal",
        "seen_at",
        "observed_at",
        "price_usd",
        "score",
    )
    in_listing = {
        "partition_by": [event.c.first_event_id, event.c.counts],
        "order_by": [event.c.seen_at, event.c.id],
    }
    in_thread = in_listing | {
        "partition_by": [event.c.first_event_id, event.c.counts, event.c.thread]
    }
    query = event.select_from(
        *(getattr(event.c, name).alias(name) for name in names),
        event.c.counts,
        event.c.is_indistinct,
        fn.LEAD(event.c.id).over(**in_listing).alias("next_id"),
        fn.LAG(event.c.id).over(**in_listing).alias("earlier_id"),
        fn.LAG(event.c.price_usd).over(**in_thread).alias("earlier_price"),
        fn.LAG(event.c.score).over(**in_thread).alias("earlier_score"),
        fn.LAG(event.c.is_indistinct).over(**in_thread).alias("earlier_indistinct"),
    )
    return query.alias("found")


def _counted_events(first_event_ids: Any | None, known: Knowledge) -> Any:
    """The events, whether each counts and is indistinct, and the thread in which it is compared."""
    event, batch = ScoredListing.alias("event"), ImportBatch.alias("batch")
    counts = known.counts(event) & is_observation(event)
    indistinct = is_indistinct(event, batch.source.is_null(), known.counting)
    names = (
        "id",
        "import_id",
        "listing_id",
        "first_event_id",
        "group_id",
        "ordinal",
        "seen_at",
        "observed_at",
    )
    query = event.select(
        *(getattr(event, name).alias(name) for name in (*names, "price_usd", "score")),
        Case(None, [(counts, 1)], 0).alias("counts"),
        Case(None, [(indistinct, 1)], 0).alias("is_indistinct"),
        thread_of(event, batch.source).alias("thread"),
    ).join(batch, on=(batch.import_id == event.import_id))
    return (
        query if first_event_ids is None else query.where(event.first_event_id.in_(first_event_ids))
    )


def column_faults(archive: Database) -> Iterator[str]:
    """A line for each value of EVENT_COLUMNS that is not what it should be."""
    derived, stored = derived_events().alias("derived"), ScoredListing
    pairs = {name: (stored._meta.columns[name], getattr(derived.c, name)) for name in NAMES}
    differs = reduce(or_, (differ(said, due) for said, due in pairs.values()))
    query = (
        stored.select(
            stored.import_id,
            stored.import_index,
            *(node for pair in pairs.values() for node in pair),
        )
        .join(derived, on=(derived.c.event_id == stored.id))
        .where(differs)
        .order_by(stored.id)
        .limit(MOST)
    )
    for import_id, row, *values in archive.execute(query).fetchall():
        for name, said, due in zip(NAMES, values[::2], values[1::2], strict=True):
            if said != due:
                yield (
                    f"import {import_id}: row {row}, {name}: the archive says {said}, its events "
                    f"give {due}"
                )
