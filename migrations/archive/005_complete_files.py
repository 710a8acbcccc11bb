"""Complete files: for which moment an import speaks, and which of a source's is the latest. The view of the market
leaves out what that one does not list.
"""

from peewee import Database, SqliteDatabase
from peewee_migrate import Migrator

NAME = "005_complete_files"

# The new column of `import_batches`, and the one before it, as SQLite's text of the table has it.
COLUMN = "complete_at"
WORDS = (
    "the moment for which the file is complete, its newest `seen_at`, or its receipt if it has no"
    " rows; null for other imports"
)
BEFORE = "last_seen_at TEXT"
ITS_WORDS = "the latest `seen_at` of its events: where a query for an earlier moment begins"

SQLITE = {
    "text": "TEXT",
    "bigint": "INTEGER",
    "keyed": " WITHOUT ROWID",
    "events": "model_timeline",
    "listing_id": "lower(hex(event.listing_id))",
    "now": "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')",
}
POSTGRESQL = {
    "text": 'TEXT COLLATE "C"',
    "bigint": "BIGINT",
    "keyed": "",
    "events": "scored_listings",
    "listing_id": "encode(event.listing_id, 'hex')",
    "now": """to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""",
}

TABLE = "complete_sources"
ABOUT = "one row for each source with a complete file that counts: the one for the latest moment"
COLUMNS = (
    ("source {text} NOT NULL PRIMARY KEY", "the source, its ASCII letters in lower case"),
    ("import_id {text} NOT NULL", "the import"),
    ("complete_at {text} NOT NULL", "its `complete_at`"),
    ("first_id {bigint}", "the lowest `id` of its events; null if it has none"),
    ("last_id {bigint}", "the highest"),
)

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
VIEW = f"""CREATE VIEW listings AS
SELECT{LISTING}
FROM {{events}} AS event
JOIN import_batches AS batch ON batch.import_id = event.import_id
WHERE event.is_current = 1"""
OFFERED = """
    AND NOT EXISTS (
        SELECT 1 FROM complete_sources AS latest
        WHERE latest.source = lower(coalesce(batch.source, ''))
            AND latest.complete_at > event.seen_at
            AND NOT EXISTS (
                SELECT 1 FROM scored_listings AS listed
                WHERE listed.first_event_id = event.first_event_id
                    AND listed.id BETWEEN latest.first_id AND latest.last_id
            )
    )"""


def _create_on_sqlite() -> list[str]:
    """SQLite keeps the comments with the statement, and shows them with `.schema`."""
    lines = [f"CREATE TABLE {TABLE} ( -- {ABOUT}"]
    for number, (definition, words) in enumerate(COLUMNS, start=1):
        lines.append(f"    {definition}{',' if number < len(COLUMNS) else ''} -- {words}")
    return ["\n".join(lines).format_map(SQLITE) + f"\n){SQLITE['keyed']}"]


def _create_on_postgresql() -> list[str]:
    body = ",\n".join(f"    {definition}" for definition, _ in COLUMNS).format_map(POSTGRESQL)
    return [
        f"CREATE TABLE {TABLE} (\n{body}\n)",
        f"COMMENT ON TABLE {TABLE} IS '{ABOUT}'",
        *(
            f"COMMENT ON COLUMN {TABLE}.{definition.split()[0]} IS '{words}'"
            for definition, words in COLUMNS
        ),
    ]


def _rewrite(migrator: Migrator, old: str, new: str) -> None:
    """Puts comments into SQLite's text of the table: another text for the same columns. A reset lets
    it read that text again, where the next column is added by position."""
    migrator.sql("PRAGMA writable_schema = 1")
    migrator.sql(
        f"UPDATE sqlite_master SET sql = replace(sql, '{old}', '{new}')"
        " WHERE name = 'import_batches'"
    )
    migrator.sql("PRAGMA writable_schema = RESET")


def migrate(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    on_sqlite = isinstance(database, SqliteDatabase)
    words = SQLITE if on_sqlite else POSTGRESQL
    migrator.sql(f"ALTER TABLE import_batches ADD COLUMN {COLUMN} {words['text']}")
    if on_sqlite:
        _rewrite(
            migrator,
            f"{BEFORE} -- {ITS_WORDS}\n, {COLUMN} TEXT)",
            f"{BEFORE}, -- {ITS_WORDS}\n    {COLUMN} TEXT -- {WORDS}\n)",
        )
    else:
        migrator.sql(f"COMMENT ON COLUMN import_batches.{COLUMN} IS '{WORDS}'")
    for statement in _create_on_sqlite() if on_sqlite else _create_on_postgresql():
        migrator.sql(statement)
    migrator.sql("DROP VIEW listings")
    migrator.sql((VIEW + OFFERED).format_map(words))
    migrator.sql(
        f"INSERT INTO schema_version (version, name, applied_at) VALUES (5, '{NAME}', {words['now']})"
    )


def rollback(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    on_sqlite = isinstance(database, SqliteDatabase)
    migrator.sql("DROP VIEW listings")
    migrator.sql(VIEW.format_map(SQLITE if on_sqlite else POSTGRESQL))
    migrator.sql(f"DROP TABLE {TABLE}")
    if not on_sqlite:
        migrator.sql(f"ALTER TABLE import_batches DROP COLUMN {COLUMN}")
    else:
        # SQLite cuts a column out of the text at its commas, those in comments too.
        described = f"{BEFORE}, -- {ITS_WORDS}\n    {COLUMN} TEXT -- {WORDS}\n)"
        _rewrite(migrator, described, f"{BEFORE}, {COLUMN} TEXT)")
        migrator.sql(f"ALTER TABLE import_batches DROP COLUMN {COLUMN}")
        _rewrite(migrator, f"{BEFORE})", f"{BEFORE} -- {ITS_WORDS}\n)")
    migrator.sql(f"DELETE FROM schema_version WHERE name = '{NAME}'")
