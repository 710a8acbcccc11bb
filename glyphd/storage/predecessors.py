"""What the archive held of each staged listing: the event that was current, and how the new one follows it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from peewee import JOIN, Case, Database, FieldAlias, Node, Table

from glyphd.db.archive_models import ListingKey, ScoredListing
from glyphd.db.dialects import is_sqlite, unindexed
from glyphd.storage.staging import staged
from glyphd.storage.steps import step_between

KNOWN_COLUMNS = ("import_index", "first_event_id", "event_id")
COLUMNS = (*KNOWN_COLUMNS, "is_late", "change_step", "model", "seen_at")
_TEXTS = ("model", "seen_at")
TABLES = {"staged_keys": KNOWN_COLUMNS, "staged_predecessors": COLUMNS}
_known = Table("staged_keys")
"""The listing's key of each staged row that has one: what `predecessors` begins with."""

predecessors = Table("staged_predecessors")
"""One row for each staged row whose listing is known; `event_id` is null when no event of it is current, else `model`
and `seen_at` are that event's.

`is_late`: that event was seen later than the staged row, which is history from the start.
"""


@contextmanager
def open_predecessors(database: Database) -> Iterator[None]:
    """Makes the table, empty, for a block on the current connection."""
    kind = "INTEGER" if is_sqlite(database) else "BIGINT"
    for table, columns in TABLES.items():
        names = ", ".join(f"{name} {'TEXT' if name in _TEXTS else kind}" for name in columns[1:])
        database.execute_sql(f"DROP TABLE IF EXISTS {table}")
        database.execute_sql(f"CREATE TEMPORARY TABLE {table} (import_index {kind} PRIMARY KEY, {names})")
    yield
    for table in TABLES:
        database.execute_sql(f"DROP TABLE {table}")


def find_predecessors(database: Database) -> list[Node]:
    """The statements that fill the table: first along the listings' ids, then along the file.

    Each goes over what it reads in the order in which it lies: ids are random, and a look-up for each row of the file
    would find its page in no cache.
    """
    in_file_order = unindexed(database, staged.c.import_index)
    keys = (
        staged.select(staged.c.import_index, ListingKey.first_event_id, ListingKey.current_event_id)
        .join(ListingKey, on=(ListingKey.listing_id == staged.c.listing_id))
        .order_by(in_file_order)
    )
    current = ScoredListing.alias("current")
    is_late = Case(None, [(current.seen_at > staged.c.seen_at, 1)], 0)
    rows = (
        _known.select(
            _known.c.import_index,
            _known.c.first_event_id,
            current.id,
            is_late,
            step_between(current, staged.c),
            FieldAlias.create(current, ScoredListing.model),  # an alias has a `model` of its own
            current.seen_at,
        )
        .join(staged, on=(staged.c.import_index == _known.c.import_index))
        .join(current, JOIN.LEFT_OUTER, on=(current.id == _known.c.event_id))
        .order_by(_known.c.import_index)
    )
    return [
        _known.insert(keys, columns=[getattr(_known.c, name) for name in KNOWN_COLUMNS]),
        predecessors.insert(rows, columns=[getattr(predecessors.c, name) for name in COLUMNS]),
    ]


def superseded() -> Any:
    """The ids of the events that a staged one takes the place of."""
    return predecessors.select(predecessors.c.event_id).where(predecessors.c.is_late == 0)


def late_rows() -> Any:
    """The `import_index` of each staged row that is late."""
    return predecessors.select(predecessors.c.import_index).where(predecessors.c.is_late == 1)


def late_listings() -> Any:
    """The listings with a staged row that is late, by their `first_event_id`."""
    return predecessors.select(predecessors.c.first_event_id).where(predecessors.c.is_late == 1)
