"""The offers that an import, a rollback or a restore moves in the market, as a temporary table that
watches are compared with.

An offer moves when it is new, gone or back, or when the market shows another price for it. From or
to an indistinct event nothing moves. The table is filled within the transaction of the change,
after everything else in it, and only if somebody looks at it.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from peewee import JOIN, Case, Column, Database, Table

from glyphd.db.archive_models import IS_CURRENT, ListingKey, ScoredListing, Standing
from glyphd.db.dialects import analyze, is_sqlite
from glyphd.db.fields import CaselessTextField
from glyphd.storage.offers import is_from_same
from glyphd.storage.predecessors import predecessors
from glyphd.storage.timelines import InsteadOfEvents

Look = Callable[[Database], None]
"""Looks at the moves of a change, before it is committed."""

_TABLE, _BEFORE = "market_moves", "market_before"

MOVES = InsteadOfEvents(_TABLE)
"""The event that the market shows of each moved offer, or showed last."""

EVENT_COLUMNS = (
    "id",
    "first_event_id",
    "import_id",
    "listing_id",
    "model",
    "condition",
    "seller",
    "region",
    "source_url",
    "source_type",
    "title",
    "vram_gb",
    "price_usd",
    "score",
    "seen_at",
)
"""The columns of the events that the table has: those that filters and matches need."""

move_kind = Column(ScoredListing._meta.table, "move")
previous_price = Column(ScoredListing._meta.table, "previous_price_usd")
"""What else it has: a `Move`, and the price that the market showed before, null for one that it did
not have or that the new one can't be compared with."""

_before = Table(_BEFORE)
_first = ScoredListing.alias("first_event")


class Move(StrEnum):
    """How an offer moved."""

    NEW = "new"
    GONE = "gone"
    BACK = "back"
    PRICE = "price"


def find_import_moves(database: Database, last_event_id: int) -> None:
    """Fills the table with what the import that has just been written moves: its events have ids
    above this one."""
    _create_moves(database)
    before = predecessors
    is_new = before.c.event_id.is_null()
    is_compared = before.c.is_compared == 1
    moved = is_compared & (before.c.price_usd != ScoredListing.price_usd)
    query = (
        _events(
            Case(None, [(is_new, Move.NEW.value)], Move.PRICE.value),
            Case(None, [(is_compared, before.c.price_usd)], None),
        )
        .join(before, JOIN.LEFT_OUTER, on=(before.c.import_index == ScoredListing.import_index))
        .where(ScoredListing.id > last_event_id, _is_shown(), is_new | moved)
    )
    _insert(database, query)
    _index(database)


def note_market(database: Database, first_event_ids: Any) -> None:
    """Notes what the market shows of the listings with these first events (a query), before a
    rollback or a restore."""
    integer = "INTEGER" if is_sqlite(database) else "BIGINT"
    columns = ("first_event_id", "event_id", "is_shown", "is_distinct")
    database.execute_sql(f"DROP TABLE IF EXISTS {_BEFORE}")
    database.execute_sql(
        f"CREATE TEMPORARY TABLE {_BEFORE} ({columns[0]} {integer} PRIMARY KEY, "
        + ", ".join(f"{name} {integer}" for name in columns[1:])
        + ")"
    )
    shown = Case(None, [(IS_CURRENT, 1)], 0)
    distinct = Case(None, [(ScoredListing.is_indistinct == 0, 1)], 0)
    query = (
        ListingKey.select(ListingKey.first_event_id, ListingKey.current_event_id, shown, distinct)
        .join(_first, on=(_first.listing_id == ListingKey.listing_id))
        .join_from(
            ListingKey,
            ScoredListing,
            JOIN.LEFT_OUTER,
            on=(ScoredListing.id == ListingKey.current_event_id),
        )
        .where(_first.id.in_(first_event_ids))
    )
    database.execute(_before.insert(query, columns=[getattr(_before.c, name) for name in columns]))
    analyze(database, _BEFORE)


def find_change_moves(database: Database) -> None:
    """Fills the table with what differs from the market that was noted."""
    _create_moves(database)
    was = ScoredListing.alias("was")
    is_new, was_shown = _before.c.event_id.is_null(), _before.c.is_shown == 1
    can_follow = (_before.c.is_distinct == 1) & _are_comparable(was)
    moved = (was.id != ScoredListing.id) & (was.price_usd != ScoredListing.price_usd)
    query = (
        _events(
            Case(None, [(is_new, Move.NEW.value), (~was_shown, Move.BACK.value)], Move.PRICE.value),
            Case(None, [(can_follow, was.price_usd)], None),
        )
        .join(_first, on=(_first.id == ScoredListing.first_event_id))
        .join_from(_first, _before, on=(_before.c.first_event_id == _first.id))
        .join_from(_before, was, JOIN.LEFT_OUTER, on=(was.id == _before.c.event_id))
        .join_from(_first, ListingKey, on=(ListingKey.listing_id == _first.listing_id))
        .where(ScoredListing.id == ListingKey.current_event_id, _is_shown())
        .where(is_new | (can_follow & (~was_shown | moved)))
    )
    _insert(database, query)
    _index(database)


def _events(move: Any, previous_price: Any) -> Any:
    """A select of the table's columns from the events."""
    events = (ScoredListing._meta.columns[name] for name in EVENT_COLUMNS)
    return ScoredListing.select(*events, move, previous_price)


def _is_shown() -> Any:
    """Condition: the market shows the event, and something may be computed from it."""
    return (
        IS_CURRENT
        & (ScoredListing.is_indistinct == 0)
        & (ScoredListing.standing == Standing.LAST.value)
    )


def _are_comparable(was: Any) -> Any:
    """Condition: the event is in the thread of the one that the market showed before."""
    return was.source_url.is_null(False) | is_from_same(was, ScoredListing)


def _create_moves(database: Database) -> None:
    types = database.get_context_options()["field_types"]
    columns = []
    for name in EVENT_COLUMNS:
        field = ScoredListing._meta.columns[name]
        kind = types.get(field.field_type, field.field_type)
        if kind == "TEXT" and not is_sqlite(database):
            kind = 'TEXT COLLATE "C"'
        elif kind == "TEXT" and isinstance(field, CaselessTextField):
            kind = "TEXT COLLATE NOCASE"
        columns.append(f"{name} {kind}")
    number = "REAL" if is_sqlite(database) else "DOUBLE PRECISION"
    columns += [f"{move_kind.name} TEXT", f"{previous_price.name} {number}"]
    database.execute_sql(f"DROP TABLE IF EXISTS {_TABLE}")
    database.execute_sql(f"CREATE TEMPORARY TABLE {_TABLE} ({', '.join(columns)})")


def _insert(database: Database, query: Any) -> None:
    names = (*EVENT_COLUMNS, move_kind.name, previous_price.name)
    table = Table(_TABLE)
    database.execute(table.insert(query, columns=[getattr(table.c, name) for name in names]))


def _index(database: Database) -> None:
    """Most watches name a model."""
    model = "model" if is_sqlite(database) else 'LOWER(model COLLATE "C")'
    database.execute_sql(f"CREATE INDEX {_TABLE}_by_model ON {_TABLE} ({model}, price_usd)")
    analyze(database, _TABLE)
