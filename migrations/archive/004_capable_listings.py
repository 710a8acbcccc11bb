"""The way to the latest current listing of a model that has capacities, which most listings have not. On SQLite the
order by model is the way.
"""

from peewee import Database, SqliteDatabase
from peewee_migrate import Migrator

NAME = "004_capable_listings"

INDEX = """
CREATE INDEX scored_listings_capable ON scored_listings (lower(model COLLATE "C"), seen_at, id)
WHERE is_current = 1 AND quantization_capacity_7b IS NOT NULL"""

NOW = {
    True: "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')",
    False: """to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""",
}


def migrate(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    on_sqlite = isinstance(database, SqliteDatabase)
    if not on_sqlite:
        migrator.sql(INDEX.strip())
    migrator.sql(
        f"INSERT INTO schema_version (version, name, applied_at) VALUES (4, '{NAME}', {NOW[on_sqlite]})"
    )


def rollback(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    if not isinstance(database, SqliteDatabase):
        migrator.sql("DROP INDEX scored_listings_capable")
    migrator.sql(f"DELETE FROM schema_version WHERE name = '{NAME}'")
