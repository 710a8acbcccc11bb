"""The views for people: the market as it stands, and every event, both flat."""

from peewee import Database, SqliteDatabase
from peewee_migrate import Migrator

NAME = "003_flat_views"

SQLITE = {
    "events": "model_timeline",
    "listing_id": "lower(hex(event.listing_id))",
    "now": "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')",
}
POSTGRESQL = {
    "events": "scored_listings",
    "listing_id": "encode(event.listing_id, 'hex')",
    "now": """to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""",
}

LISTING = """
    event.model,
    event.price_usd,
    event.condition,
    event.quantity,
    event.availability,
    event.min_order_qty,
    event.seller,
    event.region,
    event.vram_gb,
    event.mig_capable,
    event.tdp_watts,
    event.cuda_cores,
    event.slot_width,
    event.pcie_generation,
    event.nvlink,
    event.generation,
    event.form_factor,
    event.quantization_capacity_7b,
    event.quantization_capacity_13b,
    event.quantization_capacity_70b,
    event.score,
    event.heuristics,
    event.seen_at,
    event.source_url,
    event.source_type,
    event.title,
    event.import_id,
    event.import_index,
    {listing_id} AS listing_id,
    batch.imported_at,
    batch.source,
    event.extra"""

VIEWS = {
    "listings": f"""CREATE VIEW listings AS
SELECT{LISTING}
FROM {{events}} AS event
JOIN import_batches AS batch ON batch.import_id = event.import_id
WHERE event.is_current = 1""",
    "gpu_listings": f"""CREATE VIEW gpu_listings AS
SELECT{LISTING},
    event.is_current,
    event.is_indistinct
FROM scored_listings AS event
JOIN import_batches AS batch ON batch.import_id = event.import_id""",
}


def migrate(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    words = SQLITE if isinstance(database, SqliteDatabase) else POSTGRESQL
    for statement in VIEWS.values():
        migrator.sql(statement.format_map(words))
    migrator.sql(
        f"INSERT INTO schema_version (version, name, applied_at) VALUES (3, '{NAME}', {words['now']})"
    )


def rollback(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    for view in reversed(VIEWS):
        migrator.sql(f"DROP VIEW {view}")
    migrator.sql(f"DELETE FROM schema_version WHERE name = '{NAME}'")
