"""The offers that a rollback or a restore moves in the market: those that differ from a snapshot of
the market before it."""

from typing import Any

from peewee import JOIN, SQL, Case, Database, Table

from glyphd.db.archive_models import ImportBatch, ListingKey, ScoredListing
from glyphd.db.dialects import analyze, is_sqlite
from glyphd.storage.complete_files import IS_COMPLETE
from glyphd.storage.knowledge import present
from glyphd.storage.moves import (
    Move,
    add_moves,
    are_comparable,
    create_moves,
    index_moves,
    select_moves,
)
from glyphd.storage.offers import fold_source

_BEFORE = "market_before"
_COLUMNS = ("first_event_id", "event_id", "is_shown", "is_distinct")

_before = Table(_BEFORE)
_first = ScoredListing.alias("first_event")
_was = ScoredListing.alias("was")


def note_market(database: Database, import_id: str) -> None:
    """Saves what the market shows for each listing that a change of the import may move."""
    integer = "INTEGER" if is_sqlite(database) else "BIGINT"
    columns = ", ".join(f"{name} {integer}" for name in _COLUMNS[1:])
    database.execute_sql(f"DROP TABLE IF EXISTS {_BEFORE}")
    database.execute_sql(
        f"CREATE TEMPORARY TABLE {_BEFORE} ({_COLUMNS[0]} {integer} PRIMARY KEY, {columns})"
    )
    shown = Case(None, [(present(database).is_current(), 1)], 0)
    distinct = Case(None, [(ScoredListing.is_indistinct == SQL("0"), 1)], 0)
    query = (
        ListingKey.select(_first.id, ListingKey.current_event_id, shown, distinct)
        .join(_first, on=(_first.listing_id == ListingKey.listing_id))
        .join_from(
            ListingKey,
            ScoredListing,
            JOIN.LEFT_OUTER,
            on=(ScoredListing.id == ListingKey.current_event_id),
        )
        .where(_first.id.in_(_touched(import_id)))
    )
    database.execute(_before.insert(query, columns=[getattr(_before.c, name) for name in _COLUMNS]))
    analyze(database, _BEFORE)


def find_change_moves(database: Database) -> None:
    """Fills the table of moves with the differences from the saved market."""
    create_moves(database)
    shown = Case(None, [(present(database).is_current(), 1)], 0) == 1
    is_new, was_shown = _before.c.event_id.is_null(), _before.c.is_shown == 1
    can_follow = (_before.c.is_distinct == 1) & are_comparable(_was)
    moved = (_was.id != ScoredListing.id) & (_was.price_usd != ScoredListing.price_usd)
    cases = [
        (is_new, Move.NEW.value),
        (~was_shown, Move.BACK.value),
        (~shown, Move.GONE.value),
    ]
    price_before = Case(None, [(can_follow, _was.price_usd)], None)
    still_there = shown & (is_new | (can_follow & (~was_shown | moved)))
    query = (
        select_moves(Case(None, cases, Move.PRICE.value), price_before)
        .join(_first, on=(_first.id == ScoredListing.first_event_id))
        .join_from(_first, _before, on=(_before.c.first_event_id == _first.id))
        .join_from(_before, _was, JOIN.LEFT_OUTER, on=(_was.id == _before.c.event_id))
        .join_from(_first, ListingKey, on=(ListingKey.listing_id == _first.listing_id))
        .where(ScoredListing.id == ListingKey.current_event_id, ScoredListing.is_indistinct == 0)
        .where(still_there | (~shown & was_shown & can_follow))
    )
    add_moves(database, query)
    index_moves(database)


def _touched(import_id: str) -> Any:
    """The listings of the import, by their first events; if it is a complete file, all that its
    source ever listed."""
    row = ScoredListing.alias("touched")
    this = ImportBatch.select(fold_source(ImportBatch.source)).where(
        ImportBatch.import_id == import_id, IS_COMPLETE
    )
    batch = ImportBatch.alias("batch_of_source")
    same_source = batch.select(batch.import_id).where(fold_source(batch.source) == this)
    return row.select(row.first_event_id).where(
        (row.import_id == import_id) | row.import_id.in_(same_source)
    )
