"""When SQLite copies what was committed from its log into the main file. PostgreSQL does that by
itself."""

from pathlib import Path

from peewee import Database

from glyphd.db.dialects import is_sqlite

LONG_LOG_BYTES = 32 * 1024 * 1024
"""As much as 25 files of 100 new rows write into SQLite's log: mostly whole pages of indexes."""


def defer_checkpoints(database: Database) -> None:
    """Lets commits on this thread's connection end without copying what they wrote into SQLite's
    main file: committed data is safe in the log. The caller must call `checkpoint` later."""
    if is_sqlite(database):
        database.execute_sql("PRAGMA wal_autocheckpoint = 0")


def has_long_log(database: Database) -> bool:
    """Whether SQLite's log is, or once was, so long that it must be copied soon. It keeps its size
    until all connections are closed."""
    if not is_sqlite(database):
        return False
    _, _, path = database.execute_sql("PRAGMA database_list").fetchone()
    log = Path(f"{path}-wal")
    return log.exists() and log.stat().st_size > LONG_LOG_BYTES


def checkpoint(database: Database) -> None:
    """Copies what was committed into SQLite's main file, as far as no reader still needs the old
    state."""
    if is_sqlite(database):
        database.execute_sql("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
