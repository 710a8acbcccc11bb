"""Whether a file is said to be complete, and whether it may have far fewer rows than the one before."""

from peewee import Database, SqliteDatabase
from peewee_migrate import Migrator

COLUMNS = (
    ("complete", "1 if the file lists all that its source offers; null: it need not"),
    ("allow_shrink", "1 if it may have less than half of the rows of the one before; null: no"),
)
# The column before them, as the text of the table has it.
BEFORE = "traceparent TEXT"
ITS_WORDS = "the `traceparent` of the request (W3C Trace Context); null without a valid one"

PLAIN = ", ".join([BEFORE, *(f"{name} INTEGER" for name, _ in COLUMNS)]) + ")"
DESCRIBED = (
    f"{BEFORE}, -- {ITS_WORDS}\n"
    f"    {COLUMNS[0][0]} INTEGER, -- {COLUMNS[0][1]}\n"
    f"    {COLUMNS[1][0]} INTEGER -- {COLUMNS[1][1]}\n)"
)


def _rewrite(migrator: Migrator, old: str, new: str) -> None:
    """Puts comments into SQLite's text of the table: another text for the same columns. A reset lets
    it read that text again, where the next column is added by position."""
    old, new = (text.replace("'", "''") for text in (old, new))
    migrator.sql("PRAGMA writable_schema = 1")
    migrator.sql(
        f"UPDATE sqlite_master SET sql = replace(sql, '{old}', '{new}') WHERE name = 'jobs'"
    )
    migrator.sql("PRAGMA writable_schema = RESET")


def migrate(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    on_sqlite = isinstance(database, SqliteDatabase)
    if on_sqlite:  # the step before may have changed the text in this very connection
        migrator.sql("PRAGMA writable_schema = RESET")
    for name, words in COLUMNS:
        migrator.sql(f"ALTER TABLE jobs ADD COLUMN {name} {'INTEGER' if on_sqlite else 'SMALLINT'}")
        if not on_sqlite:
            migrator.sql(f"COMMENT ON COLUMN jobs.{name} IS '{words}'")
    if on_sqlite:
        added = ", ".join(f"{name} INTEGER" for name, _ in COLUMNS)
        _rewrite(migrator, f"{BEFORE} -- {ITS_WORDS}\n, {added})", DESCRIBED)


def rollback(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    if not isinstance(database, SqliteDatabase):
        for name, _ in COLUMNS:
            migrator.sql(f"ALTER TABLE jobs DROP COLUMN {name}")
        return
    # SQLite cuts a column out of the text at its commas, those in comments too.
    _rewrite(migrator, DESCRIBED, PLAIN)
    for name, _ in reversed(COLUMNS):
        migrator.sql(f"ALTER TABLE jobs DROP COLUMN {name}")
    _rewrite(migrator, f"{BEFORE})", f"{BEFORE} -- {ITS_WORDS}\n)")
