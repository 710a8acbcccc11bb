"""The orders that pages are asked for in: tables on SQLite, which a large import fills in their own order; indexes
on PostgreSQL. Both have the same views to read events along an order.
"""

from peewee import Database, SqliteDatabase
from peewee_migrate import Migrator

NAME = "002_orders"

EVENT = (
    "import_id",
    "import_index",
    "line",
    "byte_offset",
    "byte_length",
    "listing_id",
    "schema_version",
    "is_current",
    "model",
    "price_usd",
    "condition",
    "quantity",
    "availability",
    "min_order_qty",
    "seller",
    "region",
    "vram_gb",
    "mig_capable",
    "tdp_watts",
    "cuda_cores",
    "slot_width",
    "pcie_generation",
    "nvlink",
    "generation",
    "form_factor",
    "quantization_capacity_7b",
    "quantization_capacity_13b",
    "quantization_capacity_70b",
    "score",
    "heuristics",
    "seen_at",
    "source_url",
    "source_type",
    "title",
    "extra",
    "ordinal",
    "group_size",
    "observed_at",
    "standing",
    "is_indistinct",
    "change_step",
    "first_event_id",
    "group_id",
)

TABLES = {
    "events_by_time": """
CREATE TABLE events_by_time ( -- SQLite only: the position of each event among all by time
    seen_at TEXT NOT NULL, -- the event's `seen_at`
    event_id INTEGER NOT NULL, -- its `id`
    is_current INTEGER NOT NULL, -- its `is_current`
    PRIMARY KEY (seen_at, event_id)
) WITHOUT ROWID""",
    "events_by_model": """
CREATE TABLE events_by_model ( -- SQLite only: the position of each event among those of its model by time
    model TEXT COLLATE NOCASE NOT NULL, -- the event's `model`
    seen_at TEXT NOT NULL, -- its `seen_at`
    event_id INTEGER NOT NULL, -- its `id`
    is_current INTEGER NOT NULL, -- its `is_current`
    PRIMARY KEY (model, seen_at, event_id)
) WITHOUT ROWID""",
    "changes_by_step": """
CREATE TABLE changes_by_step ( -- SQLite only: the position of each event with a `change_step` among its step by time
    change_step INTEGER NOT NULL, -- the event's `change_step`
    seen_at TEXT NOT NULL, -- its `seen_at`
    event_id INTEGER NOT NULL, -- its `id`
    model TEXT COLLATE NOCASE NOT NULL, -- its `model`
    region TEXT COLLATE NOCASE, -- its `region`
    PRIMARY KEY (change_step, seen_at, event_id)
) WITHOUT ROWID""",
}
FILL = (
    """
INSERT INTO events_by_time (seen_at, event_id, is_current)
SELECT seen_at, id, is_current FROM scored_listings ORDER BY seen_at, id""",
    """
INSERT INTO events_by_model (model, seen_at, event_id, is_current)
SELECT model, seen_at, id, is_current FROM scored_listings ORDER BY model, seen_at, id""",
    """
INSERT INTO changes_by_step (change_step, seen_at, event_id, model, region)
SELECT change_step, seen_at, id, model, region FROM scored_listings
WHERE change_step IS NOT NULL ORDER BY change_step, seen_at, id""",
)
INDEXES = {
    "scored_listings_by_time": "(seen_at, id, is_current)",
    "scored_listings_current_by_model": """(lower(model COLLATE "C"), seen_at, id) WHERE is_current = 1""",
    "scored_listings_changes": """
(change_step, seen_at, id, lower(model COLLATE "C"), lower(region COLLATE "C"))
WHERE change_step IS NOT NULL""",
}

# Each view, the table that it goes along on SQLite, and the columns that it takes from there.
VIEWS = {
    "timeline": ("events_by_time", ("seen_at", "is_current")),
    "model_timeline": ("events_by_model", ("model", "seen_at", "is_current")),
    "change_timeline": ("changes_by_step", ("change_step", "seen_at", "model", "region")),
}
SQLITE_VIEW = """CREATE VIEW {name} AS
SELECT
    place.event_id AS id,
{columns}
FROM {table} AS place
LEFT JOIN scored_listings AS event ON event.id = place.event_id"""
POSTGRESQL_VIEW = """CREATE VIEW {name} AS
SELECT
    event.id,
{columns}
FROM scored_listings AS event"""

NOW = {
    True: "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')",
    False: """to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""",
}


def _view(name: str, *, on_sqlite: bool) -> str:
    table, placed = VIEWS[name]
    sources = {column: "place" if on_sqlite and column in placed else "event" for column in EVENT}
    columns = ",\n".join(f"    {source}.{column}" for column, source in sources.items())
    template = SQLITE_VIEW if on_sqlite else POSTGRESQL_VIEW
    return template.format(name=name, table=table, columns=columns)


def migrate(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    on_sqlite = isinstance(database, SqliteDatabase)
    if on_sqlite:
        for statement in (*TABLES.values(), *FILL):
            migrator.sql(statement.strip())
    else:
        for name, columns in INDEXES.items():
            migrator.sql(f"CREATE INDEX {name} ON scored_listings {columns.strip()}")
    for view in VIEWS:
        migrator.sql(_view(view, on_sqlite=on_sqlite))
    migrator.sql(
        f"INSERT INTO schema_version (version, name, applied_at) VALUES (2, '{NAME}', {NOW[on_sqlite]})"
    )


def rollback(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    for view in reversed(VIEWS):
        migrator.sql(f"DROP VIEW {view}")
    if isinstance(database, SqliteDatabase):
        for table in reversed(TABLES):
            migrator.sql(f"DROP TABLE {table}")
    else:
        for name in INDEXES:
            migrator.sql(f"DROP INDEX {name}")
    migrator.sql(f"DELETE FROM schema_version WHERE name = '{NAME}'")
