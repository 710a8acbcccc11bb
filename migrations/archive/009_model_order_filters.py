"""The order by model on SQLite also holds score and price, by which offers of a model are filtered, so that those that don't
match are not looked up. PostgreSQL keeps its index.
"""

from peewee import Database, SqliteDatabase
from peewee_migrate import Migrator

NAME = "009_model_order_filters"

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

ADDED = {
    "score": "score REAL NOT NULL, -- its `score`",
    "price_usd": "price_usd REAL NOT NULL, -- its `price_usd`",
}
TABLE = """
CREATE TABLE events_by_model ( -- SQLite only: the position of each event among those of its model by time
    model TEXT COLLATE NOCASE NOT NULL, -- the event's `model`
    seen_at TEXT NOT NULL, -- its `seen_at`
    event_id INTEGER NOT NULL, -- its `id`
    is_current INTEGER NOT NULL, -- its `is_current`
{added}    PRIMARY KEY (model, seen_at, event_id)
) WITHOUT ROWID"""
FILL = """
INSERT INTO events_by_model ({columns})
SELECT {values} FROM scored_listings ORDER BY model, seen_at, id"""
COLUMNS = ("model", "seen_at", "event_id", "is_current")
VIEW = """
CREATE VIEW model_timeline AS
SELECT
    place.event_id AS id,
{columns}
FROM events_by_model AS place
LEFT JOIN scored_listings AS event ON event.id = place.event_id"""

NOW = {
    True: "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')",
    False: """to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""",
}


def _view(placed: tuple[str, ...]) -> str:
    columns = ",\n".join(f"    {'place' if name in placed else 'event'}.{name}" for name in EVENT)
    return VIEW.format(columns=columns).strip()


def _make_again(migrator: Migrator, added: dict[str, str]) -> None:
    columns = (*COLUMNS, *added)
    values = ", ".join("id" if name == "event_id" else name for name in columns)
    migrator.sql("DROP VIEW model_timeline")
    migrator.sql("DROP TABLE events_by_model")
    migrator.sql(TABLE.format(added="".join(f"    {line}\n" for line in added.values())).strip())
    migrator.sql(FILL.format(columns=", ".join(columns), values=values).strip())
    migrator.sql(_view(columns))


def migrate(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    on_sqlite = isinstance(database, SqliteDatabase)
    if on_sqlite:
        _make_again(migrator, ADDED)
    migrator.sql(
        f"INSERT INTO schema_version (version, name, applied_at) VALUES (9, '{NAME}', {NOW[on_sqlite]})"
    )


def rollback(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    if isinstance(database, SqliteDatabase):
        _make_again(migrator, {})
    migrator.sql(f"DELETE FROM schema_version WHERE name = '{NAME}'")
