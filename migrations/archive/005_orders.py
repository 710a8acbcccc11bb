"""Orders: on SQLite the orders that pages are asked for in are tables, which a large import fills in their own order.

PostgreSQL keeps its indexes for that. Both have the same views to read along an order.
"""

from peewee import Database, SqliteDatabase
from peewee_migrate import Migrator

NAME = "005_orders"

COMMON = (
    "import_id",
    "import_index",
    "line",
    "byte_offset",
    "byte_length",
    "listing_id",
    "schema_version",
    "price_usd",
    "condition",
    "quantity",
    "availability",
    "min_order_qty",
    "seller",
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
    "source_url",
    "source_type",
    "title",
    "first_event_id",
)
PLACED = ("model", "region", "seen_at", "is_current", "change_step")

SQLITE_TABLES = {
    "events_by_time": """CREATE TABLE events_by_time (
    seen_at TEXT NOT NULL,
    event_id INTEGER NOT NULL,
    is_current INTEGER NOT NULL,
    PRIMARY KEY (seen_at, event_id)
) WITHOUT ROWID""",
    "events_by_model": """CREATE TABLE events_by_model (
    model TEXT COLLATE NOCASE NOT NULL,
    seen_at TEXT NOT NULL,
    event_id INTEGER NOT NULL,
    is_current INTEGER NOT NULL,
    PRIMARY KEY (model, seen_at, event_id)
) WITHOUT ROWID""",
    "changes_by_step": """CREATE TABLE changes_by_step (
    change_step INTEGER NOT NULL,
    seen_at TEXT NOT NULL,
    event_id INTEGER NOT NULL,
    model TEXT COLLATE NOCASE NOT NULL,
    region TEXT COLLATE NOCASE,
    PRIMARY KEY (change_step, seen_at, event_id)
) WITHOUT ROWID""",
}
SQLITE_FILL = (
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
SQLITE_INDEXES = {
    "scored_listings_changes": "(change_step, seen_at, id, model, region) WHERE change_step IS NOT NULL",
    "scored_listings_current_by_model": "(model, seen_at) WHERE is_current = 1",
    "scored_listings_by_time": "(seen_at, id, is_current)",
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

LISTED = (
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
    "import_id",
    "import_index",
)
SQLITE_LISTINGS = """CREATE VIEW listings AS
SELECT
{columns},
    lower(hex(event.listing_id)) AS listing_id,
    batch.imported_at
FROM {events} AS event
JOIN import_batches AS batch ON batch.import_id = event.import_id
WHERE event.is_current = 1"""

NOW = {
    True: "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')",
    False: """to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""",
}


def _view(name: str, *, on_sqlite: bool) -> str:
    table, placed = VIEWS[name]
    sources = {column: "place" if on_sqlite and column in placed else "event" for column in (*PLACED, *COMMON)}
    columns = ",\n".join(f"    {source}.{column}" for column, source in sources.items())
    return (SQLITE_VIEW if on_sqlite else POSTGRESQL_VIEW).format(name=name, table=table, columns=columns)


def _listings(events: str) -> str:
    columns = ",\n".join(f"    event.{name}" for name in LISTED)
    return SQLITE_LISTINGS.format(columns=columns, events=events)


def migrate(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    on_sqlite = isinstance(database, SqliteDatabase)
    if on_sqlite:
        for statement in (*SQLITE_TABLES.values(), *SQLITE_FILL):
            migrator.sql(statement.strip())
        for name in SQLITE_INDEXES:
            migrator.sql(f"DROP INDEX {name}")
    for view in VIEWS:
        migrator.sql(_view(view, on_sqlite=on_sqlite))
    if on_sqlite:
        migrator.sql("DROP VIEW listings")
        migrator.sql(_listings("model_timeline"))
    migrator.sql(f"INSERT INTO schema_version (version, name, applied_at) VALUES (5, '{NAME}', {NOW[on_sqlite]})")


def rollback(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    on_sqlite = isinstance(database, SqliteDatabase)
    if on_sqlite:
        migrator.sql("DROP VIEW listings")
    for view in reversed(VIEWS):
        migrator.sql(f"DROP VIEW {view}")
    if on_sqlite:
        for table in reversed(SQLITE_TABLES):
            migrator.sql(f"DROP TABLE {table}")
        for name, columns in SQLITE_INDEXES.items():
            migrator.sql(f"CREATE INDEX {name} ON scored_listings {columns}")
        migrator.sql(_listings("scored_listings"))
    migrator.sql(f"DELETE FROM schema_version WHERE name = '{NAME}'")
