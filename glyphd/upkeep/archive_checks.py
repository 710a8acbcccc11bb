"""What has to hold inside the archive, whatever the files say: a function for each rule, a line for each breach."""

from collections.abc import Callable, Iterator
from functools import reduce
from operator import or_
from typing import Any

from peewee import JOIN, Database, fn

from glyphd.db.archive_models import (
    BatchChange,
    ImportBatch,
    ListingKey,
    ScoredListing,
    Standing,
)
from glyphd.db.dialects import is_sqlite, stream, uncommitted
from glyphd.storage.derived import DERIVED, observations
from glyphd.storage.gpu_models import specs_due, stored_specs
from glyphd.storage.identity import IDENTITY_COLUMNS, listing_id
from glyphd.storage.orders import places_due
from glyphd.upkeep.comparing import MOST, differ


def check_derived(archive: Database) -> Iterator[str]:
    """Every event is flagged and stepped as the events that count make it."""
    derived, stored = observations().alias("derived"), ScoredListing
    pairs = {name: (stored._meta.columns[name], getattr(derived.c, name)) for name in DERIVED}
    differs = reduce(or_, (differ(said, due) for said, due in pairs.values()))
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
        for name, event_id in archive.execute(wrong.limit(MOST)).fetchall():
            yield f"listing {_named(name)}: listing_keys {what} {event_id}"


def check_first_events(archive: Database) -> Iterator[str]:
    """Every event says which one is the first of its listing."""
    events = ScoredListing.select(
        ScoredListing.import_id, ScoredListing.import_index, ScoredListing.first_event_id, ListingKey.first_event_id
    ).join(ListingKey, on=(ListingKey.listing_id == ScoredListing.listing_id))
    differs = differ(ScoredListing.first_event_id, ListingKey.first_event_id)
    for import_id, row, said, due in archive.execute(events.where(differs).limit(MOST)).fetchall():
        yield f"import {import_id}: row {row}, first_event_id: the archive says {said}, its events make it {due}"


def check_groups(archive: Database) -> Iterator[str]:
    """Every offer of a group but the first names the first one's first event, which is of the same identity."""
    event, first = ScoredListing, ScoredListing.alias("first")
    identity = [event._meta.columns[name] for name in IDENTITY_COLUMNS]
    named = (event.import_id, event.import_index, event.ordinal, event.group_id, first.listing_id, *identity)
    joined = event.select(*named).join(first, JOIN.LEFT_OUTER, on=(first.id == event.group_id))
    in_groups = joined.where((event.ordinal > 1) | event.group_id.is_null(False))
    with uncommitted(archive):
        for import_id, row, ordinal, said, first_id, *values in stream(archive, in_groups):
            is_right = ordinal > 1 and first_id is not None and bytes(first_id) == listing_id(values, 1)
            if not is_right:
                yield f"import {import_id}: row {row}, group_id: the archive says {said}, which is not its group"


def check_event_ids(archive: Database) -> Iterator[str]:
    """The ids of a batch's events follow those of the batch before, and fall from its first row to its last."""
    top = ScoredListing.id + ScoredListing.import_index
    bounds = (fn.MIN(ScoredListing.id), fn.MAX(ScoredListing.id), fn.MIN(top), fn.MAX(top))
    of_each = ScoredListing.select(ScoredListing.import_id, *bounds).group_by(ScoredListing.import_id)
    batches = archive.execute(ImportBatch.select(ImportBatch.import_id).order_by(ImportBatch.id)).fetchall()
    before = 0
    found = archive.execute(of_each.order_by(fn.MIN(ScoredListing.id))).fetchall()
    for (due,), (import_id, lowest, highest, least_top, most_top) in zip(batches, found, strict=False):
        if import_id != due or lowest != before + 1 or least_top != most_top:
            yield f"import {import_id}: the ids of its events do not follow those of the import before"
            return  # all that come later are wrong too
        before = highest


def check_sequences(archive: Database) -> Iterator[str]:
    """Imports, and changes of them, are numbered in the order of their moments; on SQLite without a gap."""
    for model, moment in ((ImportBatch, ImportBatch.imported_at), (BatchChange, BatchChange.changed_at)):
        table = model._meta.table_name
        rows = archive.execute(model.select(model.id, moment).order_by(model.id)).fetchall()
        moments = [str(at) for _, at in rows]
        if moments != sorted(set(moments)):
            yield f"{table}: a later one has an earlier moment"
        if is_sqlite(archive) and [number for number, _ in rows] != [*range(1, len(rows) + 1)]:
            yield f"{table}: its rows are not numbered 1, 2, 3 …"


def check_orders(archive: Database) -> Iterator[str]:
    """Every event has its place in each order that it is part of, and nothing else has one."""
    for table, stored, due in places_due(archive):
        for what, wrong in (("lacks", due.except_(stored)), ("has", stored.except_(due))):
            for place in archive.execute(wrong.limit(MOST)).fetchall():
                yield f"{table}: it {what} {', '.join(map(str, place))}"


def check_models(archive: Database) -> Iterator[str]:
    """`models` has the latest specs of every model that has events which count, and no other model."""
    stored = {name: tuple(row) for name, *row in archive.execute(stored_specs())}
    due = {name: tuple(row) for name, *row in archive.execute(specs_due(archive))}
    for name in sorted(stored.keys() | due.keys(), key=str):
        if stored.get(name) != due.get(name):
            yield f"model {name}: models says {stored.get(name)}, the events make it {due.get(name)}"


def _named(listing_id: Any) -> str:
    """As URLs have it; of a damaged one whatever it is."""
    return repr(listing_id) if isinstance(listing_id, str | int | float) else bytes(listing_id).hex()


ARCHIVE_CHECKS: tuple[Callable[[Database], Iterator[str]], ...] = (
    check_sequences,
    check_event_ids,
    check_derived,
    check_keys,
    check_first_events,
    check_groups,
    check_orders,
    check_models,
)
"""What has to hold of the archive as a whole, looked at once when all imports are: what is derived from the events."""
