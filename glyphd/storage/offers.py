"""Which events may be compared with which, and which offers of a group are gone. Everything follows
from the imports that count. Each rule is a condition on events, and is only here.

An identity with several separate offers at a time is a group: its offers can't be distinguished, so
an offer is a position in the group, its `ordinal`. Every observation of the identity includes the
first offer.
"""

from collections.abc import Callable
from functools import reduce
from operator import and_
from typing import Any

from peewee import OP, Case, Expression, fn

from glyphd.db.archive_models import ImportBatch, ScoredListing, Standing

Counting = Callable[[Any], list[Any]]
"""The conditions that an event counts and was known; none if they are always true."""

_OTHER = ScoredListing.alias("other_offer")
_FIRST = ScoredListing.alias("first_offer")
_ITS_BATCH = ImportBatch.alias("its_batch")
_OWN_BATCH = ImportBatch.alias("own_batch")


def all_of(*conditions: Any) -> Any:
    """Condition: each of these."""
    return reduce(and_, conditions)


def is_observation(event: Any = ScoredListing) -> Any:
    """Condition: the row does not repeat another one."""
    return event.standing < Standing.REPEATED.value


def identity_of(event: Any) -> Any:
    """Expression: the number of the event's identity, the `first_event_id` of its first offer."""
    return fn.COALESCE(event.group_id, event.first_event_id)


def moment_of(event: Any) -> Any:
    """Expression: the moment of the event's observation, the latest `seen_at` in it."""
    return fn.COALESCE(event.observed_at, event.seen_at)


def is_in_group(identity: Any, counting: Counting) -> Any:
    """Condition: imports that count have offers of the identity besides the first one."""
    offers = _OTHER.select(_OTHER.id).where(_OTHER.group_id == identity, *counting(_OTHER))
    return fn.EXISTS(offers)


def is_indistinct(event: Any, source_is_null: Any, counting: Counting) -> Any:
    """Condition: the event can't be matched to one offer, so nothing may be computed from or to it.

    That is so if its own import, or an earlier one that counts, has several offers of its identity,
    or if neither the event nor the `source` of its import says whose offer it is.
    """
    in_own_import = _OTHER.import_id == event.import_id
    is_earlier = all_of(_OTHER.id < event.id, *counting(_OTHER))
    offers = _OTHER.select(_OTHER.id).where(
        _OTHER.group_id == identity_of(event), in_own_import | is_earlier
    )
    return fn.EXISTS(offers) | is_nameless(event, source_is_null)


def is_nameless(row: Any, source_is_null: Any) -> Any:
    """Condition: neither the row nor the `source` of its import says whose offer it is."""
    return row.seller.is_null() & row.source_url.is_null() & source_is_null


def fold_source(source: Any) -> Any:
    """Expression: the `source` of an import in the form for comparisons: ignoring ASCII case, and
    with missing ones equal."""
    return fn.LOWER(fn.COALESCE(source, ""))


def thread_of(event: Any, source: Any) -> Any:
    """Expression: only events of one thread are compared. Without a URL the listing has one thread
    for each source."""
    return Case(None, [(event.source_url.is_null(), fold_source(source))], "")


def is_from(event: Any, source: Any) -> Any:
    """Condition: the event's import has this source, folded by `fold_source`."""
    return Expression(_own_source(event), OP.EQ, source)


def is_from_same(event: Any, other: Any) -> Any:
    """Condition: the imports of both events have the same source, or both none."""
    return Expression(_own_source(event), OP.EQ, _own_source(other))


def _own_source(event: Any) -> Any:
    found = _OWN_BATCH.select(fold_source(_OWN_BATCH.source))
    return found.where(_OWN_BATCH.import_id == event.import_id)


def previous_observation(event: Any, counting: Counting) -> Any:
    """Query for the id of the previous observation, among those that count and are in the event's
    thread."""
    before = ScoredListing.alias("before")
    same = (before.first_event_id == event.first_event_id) & (before.seen_at <= event.seen_at)
    is_earlier = (before.seen_at < event.seen_at) | (before.id < event.id)
    in_thread = before.source_url.is_null(False) | is_from_same(before, event)
    query = before.select(before.id).where(same, is_earlier, is_observation(before), in_thread)
    counting_ones = counting(before)
    query = query.where(*counting_ones) if counting_ones else query
    return query.order_by(before.seen_at.desc(), before.id.desc()).limit(1)


def gone_at(event: Any, counting: Counting, source: Any = None) -> Any:
    """Expression: since when this latest observation of its listing is out of date; null while it
    is not. `source` is that of the event, folded, if its import is not in the archive yet.

    That is the moment of the first later observation, by the same source, of the first offer of its
    group in a group that is too small to have this offer.
    """
    its_source = fold_source(_ITS_BATCH.source)
    is_later = (moment_of(_FIRST) > moment_of(event)) | (
        (moment_of(_FIRST) == moment_of(event)) & (_FIRST.id > event.id)
    )
    smaller = (
        _FIRST.select(fn.MIN(moment_of(_FIRST)))
        .join(_ITS_BATCH, on=(_ITS_BATCH.import_id == _FIRST.import_id))
        .where(_FIRST.first_event_id == event.group_id, _FIRST.group_size < event.ordinal)
        .where(is_observation(_FIRST), is_later, *counting(_FIRST))
        .where(is_from(event, its_source) if source is None else its_source == source)
    )
    return Case(None, [(event.group_id.is_null(False), smaller)], None)
