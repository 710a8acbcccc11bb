"""Indexes of the events while a large batch is written: making them anew is quicker than adding to them row by row.

Only on SQLite, where readers go on with what was committed before; on PostgreSQL they would have to wait.
"""

from peewee import SQL, Database, Node, fn

from glyphd.db.archive_models import ScoredListing
from glyphd.db.dialects import is_sqlite

LARGE_ROWS = 50_000
"""Fewer rows are not worth a change of the schema, which every reader has to notice."""

MOST_BEFORE = 2
"""Making the indexes anew goes over all events: it pays while there are at most so many times the new ones."""


def is_large(database: Database, count: int) -> bool:
    """Whether a batch of so many rows is better written without indexes, which are then made anew."""
    if not is_sqlite(database) or count < LARGE_ROWS:
        return False
    (last,) = database.execute(ScoredListing.select(fn.MAX(ScoredListing.id))).fetchone()
    return (last or 0) <= MOST_BEFORE * count


def without_indexes(database: Database, statements: list[Node]) -> list[Node]:
    """The statements between those that drop the indexes and those that make them again, word for word.

    The unique one stays: events are written in its order, so that it only grows at one end.
    """
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql LIKE 'CREATE INDEX %'"
    indexes = database.execute_sql(query, (ScoredListing._meta.table_name,)).fetchall()
    drop = [SQL(f'DROP INDEX "{name}"') for name, _ in indexes]
    return [*drop, *statements, *(SQL(made) for _, made in indexes)]
