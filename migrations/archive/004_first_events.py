"""First events: every listing's own number, so that the index of its history grows where the archive grows."""

from peewee import Database, SqliteDatabase
from peewee_migrate import Migrator

NAME = "004_first_events"

SQLITE = {"bigint": "INTEGER", "now": "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')"}
POSTGRESQL = {
    "bigint": "BIGINT",
    "now": """to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""",
}

COLUMNS = (
    "ALTER TABLE listing_keys ADD COLUMN first_event_id {bigint}",
    "ALTER TABLE scored_listings ADD COLUMN first_event_id {bigint}",
)

FILL = (
    """
UPDATE listing_keys SET first_event_id = (
    SELECT min(event.id) FROM scored_listings AS event WHERE event.listing_id = listing_keys.listing_id
)""",
    """
UPDATE scored_listings SET first_event_id = (
    SELECT key.first_event_id FROM listing_keys AS key WHERE key.listing_id = scored_listings.listing_id
)""",
)

BY_LISTING = "CREATE INDEX scored_listings_by_listing ON scored_listings ({columns})"


def migrate(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    words = SQLITE if isinstance(database, SqliteDatabase) else POSTGRESQL
    for statement in COLUMNS:
        migrator.sql(statement.format_map(words))
    for statement in FILL:
        migrator.sql(statement.strip())
    migrator.sql("DROP INDEX scored_listings_by_listing")
    migrator.sql(BY_LISTING.format(columns="first_event_id, seen_at"))
    migrator.sql(f"INSERT INTO schema_version (version, name, applied_at) VALUES (4, '{NAME}', {words['now']})")


def rollback(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    migrator.sql("DROP INDEX scored_listings_by_listing")
    migrator.sql(BY_LISTING.format(columns="listing_id, seen_at"))
    migrator.sql("ALTER TABLE scored_listings DROP COLUMN first_event_id")
    migrator.sql("ALTER TABLE listing_keys DROP COLUMN first_event_id")
    migrator.sql(f"DELETE FROM schema_version WHERE name = '{NAME}'")
