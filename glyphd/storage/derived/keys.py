"""`listing_keys`: the latest event of each listing that counts, and its first one.

Every event names that first one by its `first_event_id`.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from peewee import EXCLUDED, Case, Database, Node, fn

from glyphd.db.archive_models import ListingKey, ScoredListing, Standing
from glyphd.storage.comparing import MOST, differ
from glyphd.storage.derived.current import is_history
from glyphd.storage.derived.event_facts import derived_events, renewed
from glyphd.storage.derived.facts import Fact, event_id
from glyphd.storage.predecessors import Origin, predecessors
from glyphd.storage.stage_tables import staged, staged_ids


class Keys(Fact):
    def row_columns(self, origin: Origin) -> Mapping[str, Any]:
        own = event_id(staged.c.word_index)
        return {"first_event_id": fn.COALESCE(predecessors.c.first_event_id, own)}

    def after_rows(self, database: Database, origin: Origin) -> Iterable[Node]:
        """In the order of the ids, all from their index. The listing of a late row keeps its key.

        If a listing has no key yet, the event is its first one.
        """
        own = event_id(staged_ids.c.import_index)
        rows = staged_ids.select(staged_ids.c.listing_id, own, own)
        rows = rows.where(~is_history(origin, staged_ids.c)).order_by(staged_ids.c.listing_id)
        columns = [ListingKey.listing_id, ListingKey.current_event_id, ListingKey.first_event_id]
        update = {ListingKey.current_event_id: EXCLUDED.current_event_id}
        insert = ListingKey.insert_from(rows, columns)
        return [insert.on_conflict(conflict_target=[ListingKey.listing_id], update=update)]

    def renew_listings(self) -> Iterable[Node]:
        latest = fn.MAX(Case(None, [(renewed.c.is_latest == 1, renewed.c.event_id)], None)).alias(
            "event_id"
        )
        found = (
            renewed.select(renewed.c.listing_id, latest)
            .group_by(renewed.c.listing_id)
            .alias("found")
        )
        values = {ListingKey.current_event_id: found.c.event_id}
        return [
            ListingKey.update(values)
            .from_(found)
            .where(ListingKey.listing_id == found.c.listing_id)
        ]

    def faults(self, archive: Database) -> Iterator[str]:
        yield from _key_faults(archive)
        yield from _first_event_faults(archive)


def _key_faults(archive: Database) -> Iterator[str]:
    is_word = ScoredListing.standing <= Standing.LEFT_OUT.value
    first = ScoredListing.select(ScoredListing.listing_id, fn.MIN(ScoredListing.id)).where(is_word)
    first = first.group_by(ScoredListing.listing_id)
    named = ListingKey.select(ListingKey.listing_id, ListingKey.first_event_id)
    derived = derived_events().alias("derived")
    latest = derived.select_from(derived.c.listing_id, derived.c.event_id).where(
        derived.c.is_latest == 1
    )
    pointed = ListingKey.select(ListingKey.listing_id, ListingKey.current_event_id)
    keys = pointed.where(ListingKey.current_event_id.is_null(False))
    for what, wrong in (
        ("lacks the latest event", latest.except_(keys)),
        ("has another event", keys.except_(latest)),
        ("lacks the first event", first.except_(named)),
        ("has another first event", named.except_(first)),
    ):
        for name, event in archive.execute(wrong.limit(MOST)).fetchall():
            yield f"listing {_shown(name)}: listing_keys {what} {event}"


def _first_event_faults(archive: Database) -> Iterator[str]:
    events = ScoredListing.select(
        ScoredListing.import_id,
        ScoredListing.import_index,
        ScoredListing.first_event_id,
        ListingKey.first_event_id,
    ).join(ListingKey, on=(ListingKey.listing_id == ScoredListing.listing_id))
    differs = differ(ScoredListing.first_event_id, ListingKey.first_event_id)
    for import_id, row, said, due in archive.execute(events.where(differs).limit(MOST)).fetchall():
        yield (
            f"import {import_id}: row {row}, first_event_id: the archive says {said}, its events "
            f"give {due}"
        )


def _shown(listing_id: Any) -> str:
    """The id as in URLs; a damaged value is shown as it is."""
    return (
        repr(listing_id) if isinstance(listing_id, str | int | float) else bytes(listing_id).hex()
    )
