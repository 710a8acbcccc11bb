"""The offers that an import, a rollback or a restore moves in the market, as a temporary table that
watches are compared with.

An offer moves when it is new, gone or back, or when the market shows another price for it. From or
to an indistinct event nothing moves. The table is filled within the transaction of the change,
after everything else in it, and only if somebody looks at it: `import_moves`, `change_moves`.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from peewee import Column, Database, Table

from glyphd.db.archive_models import ScoredListing
from glyphd.db.dialects import analyze, is_sqlite
from glyphd.db.fields import CaselessTextField
from glyphd.storage.offers import is_from_same
from glyphd.storage.timelines import InsteadOfEvents

Look = Callable[[Database], None]
"""Looks at the moves of a change, before it is committed."""

_TABLE = "market_moves"

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

_NAMES = (*EVENT_COLUMNS, move_kind.name, previous_price.name)


class Move(StrEnum):
    """How an offer moved."""

    NEW = "new"
    GONE = "gone"
    BACK = "back"
    PRICE = "price"


def create_moves(database: Database) -> None:
    """Creates the empty table on the current connection."""
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


def select_moves(move: Any, price_before: Any) -> Any:
    """A select of the table's columns from the events."""
    events = (ScoredListing._meta.columns[name] for name in EVENT_COLUMNS)
    return ScoredListing.select(*events, move, price_before)


def add_moves(database: Database, query: Any) -> None:
    """Adds what a query of `select_moves` finds."""
    table = Table(_TABLE)
    database.execute(table.insert(query, columns=[getattr(table.c, name) for name in _NAMES]))


def index_moves(database: Database) -> None:
    """Most watches name a model. The index has all that most of them ask for, so that only what
    they find is looked up."""
    model = "model" if is_sqlite(database) else 'LOWER(model COLLATE "C")'
    columns = f"{model}, price_usd, {move_kind.name}, {previous_price.name}, region"
    database.execute_sql(f"CREATE INDEX {_TABLE}_by_model ON {_TABLE} ({columns})")
    analyze(database, _TABLE)


def are_comparable(before: Any) -> Any:
    """Condition: the event is in the thread of the one that the market showed before."""
    return before.source_url.is_null(False) | is_from_same(before, ScoredListing)
