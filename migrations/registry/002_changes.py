"""Rollbacks and restores: one at a time for each import; and when the archive took an import or a change in."""

from peewee import Database, SqliteDatabase
from peewee_migrate import Migrator

ONE_CHANGE = (
    "CREATE UNIQUE INDEX jobs_unfinished_change ON jobs (import_id)"
    " WHERE kind IN ('rollback', 'restore') AND status IN ('queued', 'running')"
)


def migrate(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    text = "TEXT" if isinstance(database, SqliteDatabase) else 'TEXT COLLATE "C"'
    migrator.sql(f"ALTER TABLE jobs ADD COLUMN imported_at {text}")
    migrator.sql(ONE_CHANGE)


def rollback(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    migrator.sql("DROP INDEX jobs_unfinished_change")
    migrator.sql("ALTER TABLE jobs DROP COLUMN imported_at")
