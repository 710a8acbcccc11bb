"""New offers among the changes: the first observation of each distinct offer gets a `change_step` of its own."""

from peewee import Database, SqliteDatabase
from peewee_migrate import Migrator

NAME = "006_new_offers"
NEW = 10

OLD_WORDS = (
    "derived: how far the price moved since the previous observation, in coarse steps from 0 to 9;"
    " null if neither price nor score changed"
)
NEW_WORDS = (
    "derived: how far the price moved since the previous observation, in coarse steps from 0 to 9;"
    " 10 for the first observation; null if neither price nor score changed"
)

# Imports that are rolled back do not count, and rows that repeat others are no observations.
COUNTS = (
    "{event}.standing < 3 AND {event}.import_id NOT IN"
    " (SELECT import_id FROM import_batches WHERE rolled_back_at IS NOT NULL)"
)
FILL = f"""
UPDATE scored_listings SET change_step = {NEW}
WHERE is_indistinct = 0 AND change_step IS NULL AND {COUNTS.format(event='scored_listings')}
AND NOT EXISTS (
    SELECT 1 FROM scored_listings AS earlier
    WHERE earlier.first_event_id = scored_listings.first_event_id
    AND (
        earlier.seen_at < scored_listings.seen_at
        OR (earlier.seen_at = scored_listings.seen_at AND earlier.id < scored_listings.id)
    )
    AND {COUNTS.format(event='earlier')}
)"""
FILL_ORDER = f"""
INSERT INTO changes_by_step (change_step, seen_at, event_id, model, region)
SELECT change_step, seen_at, id, model, region FROM scored_listings
WHERE change_step = {NEW} ORDER BY seen_at, id"""
NOW = {
    True: "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')",
    False: """to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""",
}


def _describe(migrator: Migrator, old: str, new: str, *, on_sqlite: bool) -> None:
    """What the column is; SQLite keeps it in its text of the table."""
    if not on_sqlite:
        migrator.sql(f"COMMENT ON COLUMN scored_listings.change_step IS '{new}'")
        return
    migrator.sql("PRAGMA writable_schema = 1")
    migrator.sql(
        f"UPDATE sqlite_master SET sql = replace(sql, '{old}', '{new}')"
        " WHERE name = 'scored_listings'"
    )
    migrator.sql("PRAGMA writable_schema = RESET")


def migrate(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    on_sqlite = isinstance(database, SqliteDatabase)
    migrator.sql(FILL.strip())
    if on_sqlite:
        migrator.sql(FILL_ORDER.strip())
    _describe(migrator, OLD_WORDS, NEW_WORDS, on_sqlite=on_sqlite)
    migrator.sql(
        f"INSERT INTO schema_version (version, name, applied_at) VALUES (6, '{NAME}', {NOW[on_sqlite]})"
    )


def rollback(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    on_sqlite = isinstance(database, SqliteDatabase)
    if on_sqlite:
        migrator.sql(f"DELETE FROM changes_by_step WHERE change_step = {NEW}")
    migrator.sql(f"UPDATE scored_listings SET change_step = NULL WHERE change_step = {NEW}")
    _describe(migrator, NEW_WORDS, OLD_WORDS, on_sqlite=on_sqlite)
    migrator.sql(f"DELETE FROM schema_version WHERE name = '{NAME}'")
