"""When listings were gone, and when they came back: over all of their history, not just now."""

from typing import Any

from peewee import SQL, Case, Select, fn

from glyphd.db.archive_models import ScoredListing
from glyphd.storage.complete_files import left_out_at
from glyphd.storage.knowledge import Knowledge
from glyphd.storage.offers import gone_at, is_observation

_EVENT = ScoredListing.alias("left_event")


def departures(known: Knowledge) -> Select:
    """The events after which their listing was gone: `event_id`, `gone_at` (since when), and
    `next_id`, the event that listed it again, null if none did."""
    found = _judged(known).alias("judged_event")
    by_file, by_group = found.c.by_file, found.c.by_group
    is_by_file = by_group.is_null() | (by_file < by_group)
    since = Case(None, [(by_file.is_null(False) & is_by_file, by_file)], by_group)
    left = found.select_from(found.c.event_id, found.c.next_id, since.alias("gone_at"))
    departed: Select = left.where(by_file.is_null(False) | by_group.is_null(False))
    return departed


def _judged(known: Knowledge) -> Any:
    """Each event that counts, with the moments before the listing's next event since which a
    complete file or a smaller group leaves the listing out."""
    follows = _followed(known).alias("followed_event")
    files = known.every_complete_file().alias("complete_file")
    moment = files.c.complete_at
    is_before = follows.c.next_seen.is_null() | (moment < follows.c.next_seen)
    by_file = left_out_at(_EVENT, files).select(fn.MIN(moment)).where(is_before)
    by_group = gone_at(_EVENT, known.counting)
    is_gone = follows.c.next_seen.is_null() | (by_group < follows.c.next_seen)
    return follows.select_from(
        follows.c.event_id,
        follows.c.next_id,
        (by_file if known.has_complete_files else SQL("NULL")).alias("by_file"),
        Case(None, [(is_gone, by_group)], None).alias("by_group"),
    ).join(_EVENT, on=(_EVENT.id == follows.c.event_id))


def _followed(known: Knowledge) -> Any:
    event = ScoredListing.alias("event_of_listing")
    in_listing = {
        "partition_by": [event.first_event_id],
        "order_by": [event.seen_at, event.id],
    }
    return event.select(
        event.id.alias("event_id"),
        fn.LEAD(event.id).over(**in_listing).alias("next_id"),
        fn.LEAD(event.seen_at).over(**in_listing).alias("next_seen"),
    ).where(is_observation(event), *known.counting(event))
