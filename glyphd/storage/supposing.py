"""What a rollback or a restore would change in the market, without changing it."""

from typing import Any

from peewee import JOIN, SQL, Case, Database, Value, fn

from glyphd.db.archive_models import ROLLBACK, ImportBatch, ListingKey, ScoredListing
from glyphd.storage.complete_files import IS_COMPLETE, left_out_at, stored_files
from glyphd.storage.derived.event_facts import derived_events
from glyphd.storage.knowledge import Knowledge, present
from glyphd.storage.offers import fold_source, identity_of

_COUNTED = ("added", "removed", "changed", "unchanged", "indistinct")
CHANGE_EFFECTS = (*_COUNTED, "gone", "back")

_NOW = ScoredListing.alias("now")
_THEN = ScoredListing.alias("then")


def foresee_change(database: Database, import_id: str, kind: str) -> dict[str, int]:
    """How many listings would be added to the market, removed from it, or show a different
    observation: with another price or score, with the same, or not comparable; and how many offers
    would be gone or back, as numbers of each identity."""
    listing = _listings(database, import_id, kind).alias("listing")
    counts = [
        fn.COALESCE(fn.SUM(Case(None, [(listing.c.effect == name, 1)], 0)), 0).alias(name)
        for name in _COUNTED
    ]
    of_each = (
        listing.select_from(fn.SUM(listing.c.change).alias("change"), *counts)
        .group_by(listing.c.identity)
        .alias("of_each")
    )
    change = of_each.c.change
    sums = [
        *(fn.SUM(getattr(of_each.c, name)) for name in _COUNTED),
        fn.SUM(Case(None, [(change < 0, change * -1)], 0)),
        fn.SUM(Case(None, [(change > 0, change)], 0)),
    ]
    found = database.execute(of_each.select_from(*sums)).fetchone()
    return {name: int(count or 0) for name, count in zip(CHANGE_EFFECTS, found, strict=True)}


def _listings(database: Database, import_id: str, kind: str) -> Any:
    """The listings that the change may affect: each with its identity, its `effect`, and as
    `change` 1 if it would be back and -1 if it would be gone."""
    out, back = (import_id, None) if kind == ROLLBACK else (None, import_id)
    batch = ImportBatch.select().where(ImportBatch.import_id == import_id, IS_COMPLETE)
    is_complete = batch.bind(database).first() is not None
    supposed = Knowledge(
        has_rollbacks=True,
        has_complete_files=is_complete or present(database).has_complete_files,
        supposed_out=out,
        supposed_in=back,
    )
    touched = _touched(import_id)
    listings = _judged(_touched_listings(touched, supposed), supposed)
    if is_complete:
        others = _judged(_other_listings(import_id, touched), supposed)
        listings = listings.union_all(others)
    return listings


def _judged(listings: Any, supposed: Knowledge) -> Any:
    """The listings with the effect of the change. Each has its latest event before and after, and
    whether it is in its group before and after."""
    moved = listings.alias("moved")
    is_offered, would_be = moved.c.is_in_group == 1, moved.c.would_be_in_group == 1
    if supposed.has_complete_files:
        is_offered &= ~fn.EXISTS(left_out_at(_NOW, stored_files()))
        would_be &= ~fn.EXISTS(left_out_at(_THEN, supposed.complete_files()))
    states = moved.select_from(
        moved.c.now_id,
        moved.c.then_id,
        moved.c.is_indistinct,
        Case(None, [(is_offered, 1)], 0).alias("is_offered"),
        Case(None, [(would_be, 1)], 0).alias("would_be"),
        fn.COALESCE(identity_of(_NOW), identity_of(_THEN)).alias("identity"),
        _NOW.price_usd.alias("price_now"),
        _NOW.score.alias("score_now"),
        _NOW.is_indistinct.alias("indistinct_now"),
        _THEN.price_usd.alias("price_then"),
        _THEN.score.alias("score_then"),
    )
    states = states.join(_NOW, JOIN.LEFT_OUTER, on=(_NOW.id == moved.c.now_id))
    states = states.join(_THEN, JOIN.LEFT_OUTER, on=(_THEN.id == moved.c.then_id))
    state = states.alias("state")
    differs = (state.c.price_now != state.c.price_then) | (state.c.score_now != state.c.score_then)
    are_both = (state.c.is_offered == 1) & (state.c.would_be == 1)
    is_known = state.c.now_id.is_null(False) & state.c.then_id.is_null(False)
    cases = [
        ((state.c.would_be == 1) & state.c.now_id.is_null(), "added"),
        ((state.c.is_offered == 1) & state.c.then_id.is_null(), "removed"),
        (~are_both | (state.c.now_id == state.c.then_id), ""),
        ((state.c.indistinct_now == 1) | (state.c.is_indistinct == 1), "indistinct"),
        (differs, "changed"),
    ]
    return state.select_from(
        state.c.identity,
        Case(None, cases, "unchanged").alias("effect"),
        Case(None, [(is_known, state.c.would_be - state.c.is_offered)], 0).alias("change"),
    )


def _touched_listings(touched: Any, supposed: Knowledge) -> Any:
    """The listings of the identities that the import lists."""
    then = derived_events(touched, supposed).alias("supposed")
    stored = ScoredListing.alias("stored")
    is_latest = then.c.is_latest == 1
    values = {
        "now_id": fn.MAX(ListingKey.current_event_id),
        "then_id": fn.MAX(Case(None, [(is_latest, stored.id)], None)),
        "is_in_group": fn.MAX(stored.is_current),
        "would_be_in_group": fn.MAX(then.c.is_current),
        "is_indistinct": fn.MAX(Case(None, [(is_latest, then.c.is_indistinct)], 0)),
    }
    return (
        then.select_from(*(value.alias(name) for name, value in values.items()))
        .join(stored, on=(stored.id == then.c.event_id))
        .join(ListingKey, on=(ListingKey.listing_id == then.c.listing_id))
        .group_by(then.c.listing_id)
    )


def _other_listings(import_id: str, touched: Any) -> Any:
    """The other current listings of the source of a complete file."""
    event, batch = ScoredListing.alias("event"), ImportBatch.alias("of_source")
    own = ImportBatch.select(fold_source(ImportBatch.source)).where(
        ImportBatch.import_id == import_id
    )
    imports = batch.select(batch.import_id).where(fold_source(batch.source) == own)
    current = event.select(event.id).where(event.is_current == SQL("1"))
    ids = current.where(event.import_id.in_(imports))
    # EXCEPT, because for a NOT IN of more than a few rows PostgreSQL compares each row with each
    # other.
    left = ids.except_(current.where(event.first_event_id.in_(touched))).alias("left")
    other, one = ScoredListing.alias("other_listing"), Value(1)
    columns = {"now_id": other.id, "then_id": other.id, "is_in_group": one}
    columns |= {"would_be_in_group": one, "is_indistinct": other.is_indistinct}
    named = (value.alias(name) for name, value in columns.items())
    return left.select_from(*named).join(other, on=(other.id == left.c.id))


def _touched(import_id: str) -> Any:
    """The listings of the identities that the import lists, by their `first_event_id`."""
    event, offer = ScoredListing.alias("touched"), ScoredListing.alias("touched_offer")
    identities = event.select(identity_of(event)).where(event.import_id == import_id)
    offers = offer.select(offer.first_event_id).where(offer.group_id.in_(identities))
    return identities | offers
