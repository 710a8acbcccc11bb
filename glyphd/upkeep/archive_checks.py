"""What has to hold inside the archive, whatever the files say: a function for each rule, a line for each breach."""

from collections.abc import Callable, Iterator
from functools import reduce
from operator import or_
from typing import Any

from peewee import Database, fn

from glyphd.contracts.listings import CAPACITIES
from glyphd.db.archive_models import ListingKey, QuantizedListing, ScoredListing, Standing
from glyphd.storage.derived import DERIVED, observations
from glyphd.storage.gpu_models import specs_due, stored_specs
from glyphd.storage.orders import places_due
from glyphd.upkeep.comparing import MOST, Side, differences


def check_record_count(archive: Database, batch: Any) -> Iterator[str]:
    """A batch has as many events as it says."""
    query = ScoredListing.select(fn.COUNT(ScoredListing.id)).where(ScoredListing.import_id == batch.import_id)
    (count,) = archive.execute(query).fetchone()
    if count != batch.record_count:
        yield f"record_count is {batch.record_count}, but the archive has {count} rows"


def check_capacities(archive: Database, batch: Any) -> Iterator[str]:
    """`quantized_listings` has the capacities of the batch's events: all of them, and no others."""
    columns = ScoredListing._meta.columns
    has_some = columns[CAPACITIES[0]].is_null(False)
    events = ScoredListing.select(ScoredListing.import_index, *(columns[name] for name in CAPACITIES))
    events = events.where(ScoredListing.import_id == batch.import_id, has_some)
    kept = (QuantizedListing.model_7b, QuantizedListing.model_13b, QuantizedListing.model_70b)
    named = [column.alias(name) for column, name in zip(kept, CAPACITIES, strict=True)]
    quantized = QuantizedListing.select(QuantizedListing.import_index, *named)
    quantized = quantized.where(QuantizedListing.import_id == batch.import_id)
    yield from differences(archive, Side("the event", events), Side("quantized_listings", quantized), CAPACITIES)


def check_derived(archive: Database) -> Iterator[str]:
    """Every event is flagged and stepped as the events that count make it."""
    derived, stored = observations().alias("derived"), ScoredListing
    pairs = {name: (stored._meta.columns[name], getattr(derived.c, name)) for name in DERIVED}
    differs = reduce(or_, (fn.COALESCE(said, -1) != fn.COALESCE(due, -1) for said, due in pairs.values()))
    query = (
        stored.select(stored.import_id, stored.import_index, *(node for pair in pairs.values() for node in pair))
        .join(derived, on=(derived.c.event_id == stored.id))
        .where(differs)
        .order_by(stored.id)
        .limit(MOST)
    )
    for import_id, row, *values in archive.execute(query).fetchall():
        for name, said, due in zip(DERIVED, values[::2], values[1::2], strict=True):
            if said != due:
                yield f"import {import_id}: row {row}, {name}: the archive says {said}, its events make it {due}"


def check_keys(archive: Database) -> Iterator[str]:
    """`listing_keys` names the latest event of each listing that counts and its first one, and no others."""
    is_word = ScoredListing.standing <= Standing.LEFT_OUT.value
    first = ScoredListing.select(ScoredListing.listing_id, fn.MIN(ScoredListing.id)).where(is_word)
    first = first.group_by(ScoredListing.listing_id)
    named = ListingKey.select(ListingKey.listing_id, ListingKey.first_event_id)
    derived = observations().alias("derived")
    current = derived.select_from(derived.c.listing_id, derived.c.event_id).where(derived.c.is_latest == 1)
    pointed = ListingKey.select(ListingKey.listing_id, ListingKey.current_event_id)
    keys = pointed.where(ListingKey.current_event_id.is_null(False))
    for what, wrong in (
        ("lacks the latest event", current.except_(keys)),
        ("has another event", keys.except_(current)),
        ("lacks the first event", first.except_(named)),
        ("has another first event", named.except_(first)),
    ):
        for listing_id, event_id in archive.execute(wrong.limit(MOST)).fetchall():
            yield f"listing {bytes(listing_id).hex()}: listing_keys {what} {event_id}"


def check_first_events(archive: Database) -> Iterator[str]:
    """Every event says which one is the first of its listing."""
    events = ScoredListing.select(
        ScoredListing.import_id, ScoredListing.import_index, ScoredListing.first_event_id, ListingKey.first_event_id
    ).join(ListingKey, on=(ListingKey.listing_id == ScoredListing.listing_id))
    differs = fn.COALESCE(ScoredListing.first_event_id, -1) != fn.COALESCE(ListingKey.first_event_id, -1)
    for import_id, row, said, due in archive.execute(events.where(differs).limit(MOST)).fetchall():
        yield f"import {import_id}: row {row}, first_event_id: the archive says {said}, its events make it {due}"


def check_groups(archive: Database) -> Iterator[str]:
    """Every offer of a group but the first names the first one."""
    event, first = ScoredListing.alias("event"), ScoredListing.alias("first")
    in_import = (first.import_id == event.import_id) & (first.ordinal == 1)
    named = first.select(first.id).where(in_import, first.first_event_id == event.group_id)
    unnamed = event.select(event.import_id, event.import_index, event.group_id).where(
        ((event.ordinal == 1) & event.group_id.is_null(False)) | ((event.ordinal > 1) & ~fn.EXISTS(named))
    )
    for import_id, row, said in archive.execute(unnamed.limit(MOST)).fetchall():
        yield f"import {import_id}: row {row}, group_id: the archive says {said}, which is not its group"


def check_orders(archive: Database) -> Iterator[str]:
    """Every event has its place in each order that it is part of, and nothing else has one."""
    for table, stored, due in places_due(archive):
        for what, wrong in (("lacks", due.except_(stored)), ("has", stored.except_(due))):
            for place in archive.execute(wrong.limit(MOST)).fetchall():
                yield f"{table}: it {what} {', '.join(map(str, place))}"


def check_models(archive: Database) -> Iterator[str]:
    """`models` has the latest specs of every model that has events which count, and no other model."""
    stored = {name: tuple(row) for name, *row in archive.execute(stored_specs(archive))}
    due = {name: tuple(row) for name, *row in archive.execute(specs_due(archive))}
    for name in sorted(stored.keys() | due.keys()):
        if stored.get(name) != due.get(name):
            yield f"model {name}: models says {stored.get(name)}, the events make it {due.get(name)}"


BATCH_CHECKS: tuple[Callable[[Database, Any], Iterator[str]], ...] = (check_record_count, check_capacities)
"""What has to hold of every batch, whether it has a file or not. Each gives a line for whatever is wrong."""

ARCHIVE_CHECKS: tuple[Callable[[Database], Iterator[str]], ...] = (
    check_derived,
    check_keys,
    check_first_events,
    check_groups,
    check_orders,
    check_models,
)
"""What has to hold of the archive as a whole, looked at once when all imports are: what is derived from the events."""
