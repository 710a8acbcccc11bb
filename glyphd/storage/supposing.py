"""What a rollback or a restore would change in the market, without changing it."""

from typing import Any

from peewee import JOIN, SQL, Case, Database, fn

from glyphd.db.archive_models import ROLLBACK, ScoredListing
from glyphd.storage.derived.event_facts import derived_events
from glyphd.storage.knowledge import Knowledge
from glyphd.storage.offers import identity_of

CHANGE_EFFECTS = ("added", "removed", "changed", "unchanged", "indistinct")


def foresee_change(database: Database, import_id: str, kind: str) -> dict[str, int]:
    """How many listings would be added to the market, removed from it, or show a different
    observation: with another price or score, with the same, or not comparable."""
    moved = _moved_listings(import_id, kind)
    now, then = ScoredListing.alias("now"), ScoredListing.alias("then")
    differs = (now.price_usd != then.price_usd) | (now.score != then.score)
    cases = [
        (moved.c.now_id.is_null(), "added"),
        (moved.c.then_id.is_null(), "removed"),
        ((now.is_indistinct == 1) | (moved.c.is_indistinct == 1), "indistinct"),
        (differs, "changed"),
    ]
    query = (
        moved.select_from(Case(None, cases, "unchanged"), fn.COUNT(SQL("*")))
        .join(now, JOIN.LEFT_OUTER, on=(now.id == moved.c.now_id))
        .join(then, JOIN.LEFT_OUTER, on=(then.id == moved.c.then_id))
        .group_by(SQL("1"))
    )
    found = dict(database.execute(query).fetchall())
    return {name: found.get(name, 0) for name in CHANGE_EFFECTS}


def _moved_listings(import_id: str, kind: str) -> Any:
    """The listings whose current event would change: the id of that event, and of the new one."""
    out, back = (import_id, None) if kind == ROLLBACK else (None, import_id)
    supposed = derived_events(
        _touched(import_id), Knowledge(has_rollbacks=True, supposed_out=out, supposed_in=back)
    )
    then = supposed.alias("supposed")
    stored = ScoredListing.alias("stored")
    now_id = fn.MAX(Case(None, [(stored.is_current == 1, stored.id)], None))
    then_id = fn.MAX(Case(None, [(then.c.is_current == 1, stored.id)], None))
    return (
        then.select_from(
            now_id.alias("now_id"),
            then_id.alias("then_id"),
            fn.MAX(Case(None, [(then.c.is_current == 1, then.c.is_indistinct)], 0)).alias(
                "is_indistinct"
            ),
        )
        .join(stored, on=(stored.id == then.c.event_id))
        .group_by(then.c.listing_id)
        .having(fn.COALESCE(now_id, -1) != fn.COALESCE(then_id, -1))
        .alias("moved")
    )


def _touched(import_id: str) -> Any:
    """The listings of the identities that the import lists, by their `first_event_id`."""
    event, offer = ScoredListing.alias("touched"), ScoredListing.alias("touched_offer")
    identities = event.select(identity_of(event)).where(event.import_id == import_id)
    offers = offer.select(offer.first_event_id).where(offer.group_id.in_(identities))
    return identities | offers
