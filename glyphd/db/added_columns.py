"""Adds a column of the row contract to the archive, and removes it: the body of a migration.

Every view lists the columns of an event by name, so each is recreated with the new column in its
position. Released migrations call this, so its effect on a schema must never change.
"""

import re
from dataclasses import dataclass

from peewee import Database
from peewee_migrate import Migrator

from glyphd.db.dialects import is_sqlite

TABLE = "scored_listings"
VIEWS = ("timeline", "model_timeline", "change_timeline", "listings", "gpu_listings")
_TYPES = {
    "text": ("TEXT", 'TEXT COLLATE "C"'),
    "integer": ("INTEGER", "BIGINT"),
    "number": ("REAL", "DOUBLE PRECISION"),
    "boolean": ("INTEGER", "BOOLEAN"),
    "time": ("TEXT", 'TEXT COLLATE "C"'),
    "json": ("TEXT", 'TEXT COLLATE "C"'),
}
"""The types on SQLite and on PostgreSQL, by kind of cell."""
_NOW = (
    "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')",
    """to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""",
)


@dataclass(frozen=True)
class AddedColumn:
    """`step` is the migration's name, `kind` the kind of cell, `behind` the column that precedes it
    in the contract."""

    step: str
    name: str
    kind: str
    comment: str
    behind: str


def add_column(migrator: Migrator, database: Database, column: AddedColumn) -> None:
    """The column is null in existing events."""
    on_sqlite = is_sqlite(database)
    kind = _TYPES[column.kind][not on_sqlite]
    views = {view: _with_column(_view_sql(database, view), column) for view in VIEWS}
    described = _table_sql(database).replace(
        "\n    FOREIGN KEY", f"\n    {column.name} {kind}, -- {column.comment}\n    FOREIGN KEY", 1
    )
    _drop_views(migrator)
    migrator.sql(f"ALTER TABLE {TABLE} ADD COLUMN {column.name} {kind}")
    if on_sqlite:
        _describe(migrator, described)
    else:
        migrator.sql(f"COMMENT ON COLUMN {TABLE}.{column.name} IS {_quoted(column.comment)}")
    _create_views(migrator, views)
    number = int(column.step[:3])
    migrator.sql(
        "INSERT INTO schema_version (version, name, applied_at) "
        f"VALUES ({number}, '{column.step}', {_NOW[not on_sqlite]})"
    )


def drop_column(migrator: Migrator, database: Database, column: AddedColumn) -> None:
    """Undoes `add_column`."""
    views = {view: _without_column(_view_sql(database, view), column) for view in VIEWS}
    described = re.sub(rf"\n    {column.name} .*", "", _table_sql(database))
    _drop_views(migrator)
    if is_sqlite(database):
        # SQLite cuts a column out of the statement at its commas, including those in comments.
        _describe(migrator, re.sub(r" -- .*", "", _table_sql(database)))
    migrator.sql(f"ALTER TABLE {TABLE} DROP COLUMN {column.name}")
    if is_sqlite(database):
        _describe(migrator, described)
    _create_views(migrator, views)
    migrator.sql(f"DELETE FROM schema_version WHERE name = '{column.step}'")


def _with_column(view: str, column: AddedColumn) -> str:
    """Raises ValueError if the view lacks the column that precedes the new one."""
    line, added = _line_of(column.behind), rf"\g<0>\n    event.{column.name},"
    changed, count = re.subn(line, added, view, count=1, flags=re.MULTILINE)
    if not count:
        raise ValueError(f"there is no column {column.behind} on a line of its own in: {view}")
    return changed


def _without_column(view: str, column: AddedColumn) -> str:
    return re.sub(rf"{_line_of(column.name)}\n", "", view, count=1, flags=re.MULTILINE)


def _line_of(name: str) -> str:
    """A pattern for the column's line in a view. PostgreSQL has the first column in the first line,
    and names no table if there is only one."""
    return rf"(?:^| AS SELECT) +(?:(?:event|place)\.)?{name},$"


def _view_sql(database: Database, view: str) -> str:
    if is_sqlite(database):
        return _master_sql(database, view)
    (sql,) = database.execute_sql("SELECT pg_get_viewdef(%s::regclass)", (view,)).fetchone()
    return f"CREATE VIEW {view} AS{sql}"


def _table_sql(database: Database) -> str:
    return _master_sql(database, TABLE) if is_sqlite(database) else ""


def _master_sql(database: Database, name: str) -> str:
    (sql,) = database.execute_sql(
        "SELECT sql FROM sqlite_master WHERE name = ?", (name,)
    ).fetchone()
    return str(sql)


def _drop_views(migrator: Migrator) -> None:
    for view in reversed(VIEWS):
        migrator.sql(f"DROP VIEW {view}")


def _create_views(migrator: Migrator, views: dict[str, str]) -> None:
    for view in VIEWS:
        migrator.sql(views[view].rstrip(";"))


def _describe(migrator: Migrator, table: str) -> None:
    """Restores the comments in SQLite's text of the table, with another statement for the same
    columns."""
    migrator.sql("PRAGMA writable_schema = 1")
    migrator.sql(f"UPDATE sqlite_master SET sql = {_quoted(table)} WHERE name = '{TABLE}'")
    migrator.sql("PRAGMA writable_schema = 0")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
