"""What metrics are counted from, as an index; the trace that a job belongs to."""

from peewee import Database, SqliteDatabase
from peewee_migrate import Migrator

NAME = "traceparent"
WORDS = "the `traceparent` of the request (W3C Trace Context); null without a valid one"
# The column before it, as the text of the table has it.
BEFORE = "created_by TEXT"
ITS_WORDS = "the name of the token that requested it; null if none was needed"

INDEX = (
    "CREATE INDEX jobs_by_source ON jobs"
    " (kind, source, status, dry_run, finished_at, record_count, id)"
)


def _rewrite(migrator: Migrator, old: str, new: str) -> None:
    """Puts comments into SQLite's text of the table: another text for the same columns."""
    old, new = (text.replace("'", "''") for text in (old, new))
    migrator.sql("PRAGMA writable_schema = 1")
    migrator.sql(
        f"UPDATE sqlite_master SET sql = replace(sql, '{old}', '{new}') WHERE name = 'jobs'"
    )
    migrator.sql("PRAGMA writable_schema = 0")


def migrate(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    if isinstance(database, SqliteDatabase):
        migrator.sql(f"ALTER TABLE jobs ADD COLUMN {NAME} TEXT")
        _rewrite(
            migrator,
            f"{BEFORE} -- {ITS_WORDS}\n, {NAME} TEXT)",
            f"{BEFORE}, -- {ITS_WORDS}\n    {NAME} TEXT -- {WORDS}\n)",
        )
    else:
        migrator.sql(f'ALTER TABLE jobs ADD COLUMN {NAME} TEXT COLLATE "C"')
        migrator.sql(f"COMMENT ON COLUMN jobs.{NAME} IS '{WORDS}'")
    migrator.sql(INDEX)


def rollback(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    migrator.sql("DROP INDEX jobs_by_source")
    if not isinstance(database, SqliteDatabase):
        migrator.sql(f"ALTER TABLE jobs DROP COLUMN {NAME}")
        return
    # SQLite cuts a column out of the text at its commas, those in comments too.
    described = f"{BEFORE}, -- {ITS_WORDS}\n    {NAME} TEXT -- {WORDS}\n)"
    _rewrite(migrator, described, f"{BEFORE}, {NAME} TEXT)")
    migrator.sql(f"ALTER TABLE jobs DROP COLUMN {NAME}")
    _rewrite(migrator, f"{BEFORE})", f"{BEFORE} -- {ITS_WORDS}\n)")
