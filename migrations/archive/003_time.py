"""Time: what the whole history is walked by, and how far each observation's price moved from the one before."""

from peewee import Database, SqliteDatabase
from peewee_migrate import Migrator

NAME = "003_time"

SQLITE = {"smallint": "INTEGER", "text": "TEXT", "now": "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')"}
POSTGRESQL = {
    "smallint": "SMALLINT",
    "text": 'TEXT COLLATE "C"',
    "now": """to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""",
}

COLUMNS = (
    "ALTER TABLE import_batches ADD COLUMN last_seen_at {text}",
    "ALTER TABLE scored_listings ADD COLUMN change_step {smallint}",
)

FILL = (
    """
UPDATE import_batches SET last_seen_at = (
    SELECT max(event.seen_at) FROM scored_listings AS event WHERE event.import_id = import_batches.import_id
)""",
    """
UPDATE scored_listings SET change_step = moved.step FROM (
    SELECT id, CASE
        WHEN old_price = 0 THEN 0
        WHEN abs(price_usd - old_price) < old_price * 0.009 THEN 0
        WHEN abs(price_usd - old_price) < old_price * 0.019 THEN 1
        WHEN abs(price_usd - old_price) < old_price * 0.049 THEN 2
        WHEN abs(price_usd - old_price) < old_price * 0.099 THEN 3
        WHEN abs(price_usd - old_price) < old_price * 0.149 THEN 4
        WHEN abs(price_usd - old_price) < old_price * 0.199 THEN 5
        WHEN abs(price_usd - old_price) < old_price * 0.299 THEN 6
        WHEN abs(price_usd - old_price) < old_price * 0.499 THEN 7
        WHEN abs(price_usd - old_price) < old_price * 0.999 THEN 8
        ELSE 9
    END AS step
    FROM (
        SELECT
            event.id, event.price_usd, event.score,
            lag(event.price_usd) OVER observed AS old_price,
            lag(event.score) OVER observed AS old_score
        FROM scored_listings AS event
        JOIN import_batches AS batch ON batch.import_id = event.import_id
        WHERE batch.rolled_back_at IS NULL
        WINDOW observed AS (PARTITION BY event.listing_id ORDER BY event.seen_at, event.id)
    ) AS observation
    WHERE old_price IS NOT NULL AND (price_usd <> old_price OR score <> old_score)
) AS moved
WHERE moved.id = scored_listings.id""",
)

BY_TIME = "CREATE INDEX scored_listings_by_time ON scored_listings (seen_at, id, is_current)"
SQLITE_CHANGES = """
CREATE INDEX scored_listings_changes
ON scored_listings (change_step, seen_at, id, model, region) WHERE change_step IS NOT NULL"""
POSTGRESQL_CHANGES = """
CREATE INDEX scored_listings_changes
ON scored_listings (change_step, seen_at, id, lower(model COLLATE "C"), lower(region COLLATE "C"))
WHERE change_step IS NOT NULL"""
CURRENT_BY_TIME = "CREATE INDEX scored_listings_current_by_time ON scored_listings ({columns}) WHERE is_current = 1"


def migrate(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    on_sqlite = isinstance(database, SqliteDatabase)
    words = SQLITE if on_sqlite else POSTGRESQL
    for statement in COLUMNS:
        migrator.sql(statement.format_map(words))
    for statement in FILL:
        migrator.sql(statement.strip())
    migrator.sql("DROP INDEX scored_listings_current_by_time")
    migrator.sql(BY_TIME)
    migrator.sql((SQLITE_CHANGES if on_sqlite else POSTGRESQL_CHANGES).strip())
    migrator.sql(f"INSERT INTO schema_version (version, name, applied_at) VALUES (3, '{NAME}', {words['now']})")


def rollback(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    columns = "seen_at" if isinstance(database, SqliteDatabase) else "seen_at, id"
    migrator.sql("DROP INDEX scored_listings_changes")
    migrator.sql("DROP INDEX scored_listings_by_time")
    migrator.sql(CURRENT_BY_TIME.format(columns=columns))
    migrator.sql("ALTER TABLE scored_listings DROP COLUMN change_step")
    migrator.sql("ALTER TABLE import_batches DROP COLUMN last_seen_at")
    migrator.sql(f"DELETE FROM schema_version WHERE name = '{NAME}'")
