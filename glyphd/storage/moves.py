"""The offers that an import, a rollback or a restore moves in the market, as a temporary table that
watches are compared with.

An offer moves when it is new, gone or back, or when the market shows another price for it. An
indistinct event moves nothing. `import_moves` and `change_moves` fill the table within the
transaction of the change, after everything else in it, and only if there are watches.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from peewee import Column, Database, Table

from glyphd.db.archive_models import ScoredListing
from glyphd.db.dialects import analyze, is_sqlite
from glyphd.storage.offers import is_from_same
from glyphd.storage.timelines import InsteadOfEvents

Look = Callable[[Database], None]
"""Is called with the moves of a change before it is committed."""

_TABLE, _VIEW = "moved_offers", "market_moves"

MOVES = InsteadOfEvents(_VIEW)
"""The event of each moved offer that the market shows, or showed last."""

MOVED = InsteadOfEvents(_TABLE)
"""The same with only the first of EVENT_COLUMNS."""

_OWN_COLUMNS = ("model", "price_usd", "id", "region")
_OTHER_COLUMNS = (
    "first_event_id",
    "import_id",
    "listing_id",
    "condition",
    "seller",
    "source_url",
    "source_type",
    "title",
    "vram_gb",
    "score",
    "seen_at",
)
EVENT_COLUMNS = (*_OWN_COLUMNS, *_OTHER_COLUMNS)
"""The columns of the events that MOVES has: those that filters and matches need. The table has the
first ones, in the order of its key, so that most watches look up no event but those they find."""

move_kind = Column(ScoredListing._meta.table, "move")
previous_price = Column(ScoredListing._meta.table, "previous_price_usd")
"""Its other columns: a `Move`, and the price that the market showed before; null if there was none,
or none that the new one can be compared with."""

_NAMES = (*_OWN_COLUMNS, move_kind.name, previous_price.name)
_KEY = _OWN_COLUMNS[:3]


class Move(StrEnum):
    """How an offer moved."""

    NEW = "new"
    GONE = "gone"
    BACK = "back"
    PRICE = "price"


def create_moves(database: Database) -> None:
    """Creates the empty table on the current connection, and the view of it with its events."""
    if is_sqlite(database):
        types = ("TEXT COLLATE NOCASE", "REAL", "INTEGER", "TEXT COLLATE NOCASE", "TEXT", "REAL")
        ending = f", PRIMARY KEY ({', '.join(_KEY)})) WITHOUT ROWID"
    else:
        text, number = 'TEXT COLLATE "C"', "DOUBLE PRECISION"
        types = (text, number, "BIGINT", text, "TEXT", number)
        ending = ")"
    columns = ", ".join(f"{name} {kind}" for name, kind in zip(_NAMES, types, strict=True))
    others = ", ".join(f"event.{name}" for name in _OTHER_COLUMNS)
    # Neither database reads the events if a query needs none of their columns.
    joined = (
        f"SELECT moved.*, {others} FROM {_TABLE} AS moved"
        f" LEFT JOIN {ScoredListing._meta.table_name} AS event ON event.id = moved.id"
    )
    for statement in (
        f"DROP VIEW IF EXISTS {_VIEW}",
        f"DROP TABLE IF EXISTS {_TABLE}",
        f"CREATE TEMPORARY TABLE {_TABLE} ({columns}{ending}",
        f"CREATE TEMPORARY VIEW {_VIEW} AS {joined}",
    ):
        database.execute_sql(statement)


def select_moves(move: Any, price_before: Any) -> Any:
    """A select of the table's columns from the events."""
    events = (ScoredListing._meta.columns[name] for name in _OWN_COLUMNS)
    return ScoredListing.select(*events, move, price_before)


def add_moves(database: Database, query: Any) -> None:
    """Adds the rows of a query made by `select_moves`."""
    table = Table(_TABLE)
    if is_sqlite(database):
        # In the order of the key, so that the table grows only at its end. Almost in that order, if
        # the spelling of a model varies: bytes are sorted in three quarters of the time.
        model, *others = (ScoredListing._meta.columns[name] for name in _KEY)
        query = query.order_by(model.collate("BINARY"), *others)
    database.execute(table.insert(query, columns=[getattr(table.c, name) for name in _NAMES]))


def index_moves(database: Database) -> None:
    """Most watches name a model, and all want the cheapest offers first."""
    if is_sqlite(database):
        return  # the table's key serves as that index
    columns = f'LOWER(model COLLATE "C"), price_usd, id, {move_kind.name}, {previous_price.name}'
    database.execute_sql(f"CREATE INDEX {_TABLE}_by_model ON {_TABLE} ({columns}, region)")
    analyze(database, _TABLE)


def are_comparable(before: Any) -> Any:
    """Condition: the event is in the thread of the one that the market showed before."""
    return before.source_url.is_null(False) | is_from_same(before, ScoredListing)
