"""What the archive held of each staged listing: the event that was current, and how the new one follows it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from peewee import Case, Database, Node, Table

from glyphd.db.archive_models import ListingKey, ScoredListing
from glyphd.db.dialects import is_sqlite
from glyphd.storage.staging import staged
from glyphd.storage.steps import step_between

TABLE = "staged_predecessors"
COLUMNS = ("import_index", "event_id", "is_late", "change_step")
predecessors = Table(TABLE)
"""One row for each staged row whose listing has a current event.

`is_late`: that event was seen later than the staged row, which is history from the start.
"""


@contextmanager
def open_predecessors(database: Database) -> Iterator[None]:
    """Makes the table, empty, for a block on the current connection."""
    kind = "INTEGER" if is_sqlite(database) else "BIGINT"
    names = ", ".join(f"{name} {kind}" for name in COLUMNS[1:])
    database.execute_sql(f"DROP TABLE IF EXISTS {TABLE}")
    database.execute_sql(f"CREATE TEMPORARY TABLE {TABLE} (import_index {kind} PRIMARY KEY, {names})")
    yield
    database.execute_sql(f"DROP TABLE {TABLE}")


def find_predecessors() -> Node:
    """The statement that fills the table."""
    current = ScoredListing.alias("current")
    is_late = Case(None, [(current.seen_at > staged.c.seen_at, 1)], 0)
    rows = (
        staged.select(staged.c.import_index, current.id, is_late, step_between(current, staged.c))
        .join(ListingKey, on=(ListingKey.listing_id == staged.c.listing_id))
        .join(current, on=(current.id == ListingKey.current_event_id))
        .order_by(staged.c.import_index)
    )
    return predecessors.insert(rows, columns=[getattr(predecessors.c, name) for name in COLUMNS])


def unflag_superseded() -> Node:
    """Events that a staged one takes the place of are no longer current."""
    superseded = predecessors.select(predecessors.c.event_id).where(predecessors.c.is_late == 0)
    return ScoredListing.update(is_current=0).where(ScoredListing.id.in_(superseded))


def late_rows() -> Any:
    """The `import_index` of each staged row that is late."""
    return predecessors.select(predecessors.c.import_index).where(predecessors.c.is_late == 1)


def late_listings() -> Any:
    """The ids of listings with a staged row that is late."""
    return staged.select(staged.c.listing_id).where(staged.c.import_index.in_(late_rows()))
