"""Renewing what is derived from the events of some listings.

It is needed after a rollback, a restore, and an import that did more than add the latest
observations.
"""

from collections.abc import Iterator
from typing import Any

from peewee import Database, Node, fn

from glyphd.db.archive_models import ScoredListing
from glyphd.db.dialects import is_sqlite
from glyphd.storage.derived.all_facts import FACTS
from glyphd.storage.derived.event_facts import (
    NAMES,
    derived_events,
    renewed,
    renewed_listings,
)
from glyphd.storage.offers import identity_of

_COLUMNS = ("event_id", "listing_id", "is_latest", *NAMES)


def renew(database: Database, first_event_ids: Any) -> None:
    """Renews the listings with these first events (a query), and the other offers of their groups.

    Runs in the caller's transaction.
    """
    if database.execute(first_event_ids.limit(1)).fetchone() is None:
        return  # usual for imports: a small one would spend a third of its time here
    create_tables(database)
    for statement in renewing_statements(database, first_event_ids):
        database.execute(statement)
    for table in (renewed, renewed_listings):
        database.execute_sql(f"DROP TABLE {table.__name__}")


def create_tables(database: Database) -> None:
    """Creates the empty tables on the current connection."""
    integer, blob = ("INTEGER", "BLOB") if is_sqlite(database) else ("BIGINT", "BYTEA")
    values = ", ".join(f"{name} {integer}" for name in _COLUMNS[2:])
    tables = {
        renewed_listings: f"first_event_id {integer} PRIMARY KEY",
        renewed: f"event_id {integer} PRIMARY KEY, listing_id {blob}, {values}",
    }
    for table, columns in tables.items():
        database.execute_sql(f"DROP TABLE IF EXISTS {table.__name__}")
        database.execute_sql(f"CREATE TEMPORARY TABLE {table.__name__} ({columns})")


def renewing_statements(database: Database, first_event_ids: Any) -> Iterator[Node]:
    """The statements in order; after the deletion the table has only the events that change."""
    changing = renewed.select(renewed.c.event_id)
    yield from _find_listings(first_event_ids)
    found = derived_events(renewed_listings.select(renewed_listings.c.first_event_id))
    yield renewed.insert(found, columns=[getattr(renewed.c, name) for name in _COLUMNS])
    for fact in FACTS:
        yield from fact.renew_listings()
    yield _delete_unchanged()
    for fact in FACTS:
        yield from fact.before_renewal(database, changing)
    yield _update_events()
    for fact in FACTS:
        yield from fact.after_renewal(database, changing)


def _find_listings(first_event_ids: Any) -> Iterator[Node]:
    """The first offers of the identities, then the other offers."""
    event, offer = ScoredListing.alias("event"), ScoredListing.alias("offer")
    first = event.select(identity_of(event)).where(event.id.in_(first_event_ids)).distinct()
    others = offer.select(offer.first_event_id).where(
        offer.group_id.in_(renewed_listings.select(renewed_listings.c.first_event_id))
    )
    for query in (first, others.distinct()):
        yield renewed_listings.insert(query, columns=[renewed_listings.c.first_event_id])


def _delete_unchanged() -> Node:
    """Deletes unchanged events: most of a listing's history does not change."""
    same = ScoredListing.id == renewed.c.event_id
    for name in NAMES:
        stored, due = ScoredListing._meta.columns[name], getattr(renewed.c, name)
        if stored.null:
            stored, due = fn.COALESCE(stored, -1), fn.COALESCE(due, -1)
        same &= stored == due
    statement: Node = renewed.delete().where(
        fn.EXISTS(ScoredListing.select(ScoredListing.id).where(same))
    )
    return statement


def _update_events() -> Node:
    """The list of ids makes SQLite look up these events; otherwise it would scan all of them."""
    listed = ScoredListing.id.in_(renewed.select(renewed.c.event_id))
    values = {ScoredListing._meta.columns[name]: getattr(renewed.c, name) for name in NAMES}
    statement: Node = (
        ScoredListing.update(values)
        .from_(renewed)
        .where((ScoredListing.id == renewed.c.event_id) & listed)
    )
    return statement
