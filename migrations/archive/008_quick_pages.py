"""The prices of current offers in blocks, so that a page with percentiles reads only those that it needs; and when
offers were gone and back, so that these changes are found without reading all events.
"""

from peewee import Database, SqliteDatabase
from peewee_migrate import Migrator

NAME = "008_quick_pages"

SQLITE = {
    "text": "TEXT",
    "blob": "BLOB",
    "double": "REAL",
    "bigint": "INTEGER",
    "keyed": " WITHOUT ROWID",
    "now": "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')",
}
POSTGRESQL = {
    "text": 'TEXT COLLATE "C"',
    "blob": "BYTEA",
    "double": "DOUBLE PRECISION",
    "bigint": "BIGINT",
    "keyed": "",
    "now": """to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""",
}

GROUP_KEY = (
    ("model {text} NOT NULL", "the model, its ASCII letters in lower case"),
    ("condition {text} NOT NULL", "the same of the condition; empty for none"),
)
NEW_TABLES = {
    "peer_groups": (
        "one row for each model and condition of current offers",
        (
            *GROUP_KEY,
            ("size INTEGER NOT NULL", "how many current offers it has"),
            ("median {double} NOT NULL", "the median of their prices, in dollars"),
            (
                "lowest {blob} NOT NULL",
                "the lowest price of each of its blocks, stored as in peer_prices",
            ),
        ),
        "PRIMARY KEY (model, condition)",
    ),
    "peer_prices": (
        "one row for each block of the prices of the current offers of a model in a condition",
        (
            *GROUP_KEY,
            ("block INTEGER NOT NULL", "0, 1, …: of those of the group, by price"),
            ("prices {blob} NOT NULL", "in ascending order, as doubles, little-endian"),
        ),
        "PRIMARY KEY (model, condition, block)",
    ),
}
ABSENCES = {
    "offers_gone": (
        "one row for each offer that a complete file was the first to leave out, each time",
        (
            ("gone_at {text} NOT NULL", "the `complete_at` of the file"),
            ("event_id {bigint} NOT NULL", "the `id` of the last observation before"),
            ("import_id {text} NOT NULL", "the file"),
        ),
        "PRIMARY KEY (gone_at, event_id)",
    ),
    "offers_back": (
        "one row for each observation of an offer that was gone before it",
        (
            ("seen_at {text} NOT NULL", "its `seen_at`"),
            ("event_id {bigint} NOT NULL", "its `id`"),
        ),
        "PRIMARY KEY (seen_at, event_id)",
    ),
}
INDEX = "CREATE INDEX offers_gone_by_event ON offers_gone (event_id)"

# Imports that are rolled back do not count, and rows that repeat others are no observations.
COUNTS = (
    "{event}.standing < 3 AND {event}.import_id NOT IN"
    " (SELECT import_id FROM import_batches WHERE rolled_back_at IS NOT NULL)"
)
SOURCE = "lower(coalesce({batch}.source, ''))"
SAME_SOURCE = f"{SOURCE.format(batch='{one}')} = {SOURCE.format(batch='{other}')}"
LISTS = """EXISTS (
    SELECT 1 FROM scored_listings AS listed
    WHERE listed.first_event_id = event.first_event_id AND listed.id BETWEEN
        (SELECT id FROM scored_listings WHERE import_id = {file}.import_id ORDER BY import_index DESC LIMIT 1)
        AND (SELECT id FROM scored_listings WHERE import_id = {file}.import_id ORDER BY import_index LIMIT 1)
)"""
FILL_GONE = f"""
INSERT INTO offers_gone (gone_at, event_id, import_id)
SELECT file.complete_at, event.id, file.import_id
FROM scored_listings AS event
JOIN import_batches AS batch ON batch.import_id = event.import_id
JOIN import_batches AS file ON {SAME_SOURCE.format(one="file", other="batch")} AND file.complete_at > event.seen_at
LEFT JOIN import_batches AS earlier ON earlier.id = (
    SELECT one.id FROM import_batches AS one
    WHERE one.complete_at < file.complete_at AND one.rolled_back_at IS NULL
        AND {SAME_SOURCE.format(one="one", other="file")}
    ORDER BY one.complete_at DESC, one.id DESC LIMIT 1
)
WHERE EXISTS (SELECT 1 FROM import_batches WHERE complete_at IS NOT NULL)
    AND {COUNTS.format(event="event")} AND event.is_indistinct = 0 AND file.rolled_back_at IS NULL
    AND NOT EXISTS (
        SELECT 1 FROM import_batches AS one
        WHERE one.complete_at = file.complete_at AND one.id > file.id AND one.rolled_back_at IS NULL
            AND {SAME_SOURCE.format(one="one", other="file")}
    )
    AND NOT EXISTS (
        SELECT 1 FROM scored_listings AS later
        WHERE later.first_event_id = event.first_event_id
            AND later.seen_at BETWEEN event.seen_at AND file.complete_at
            AND (later.seen_at > event.seen_at OR later.id > event.id)
            AND {COUNTS.format(event="later")}
    )
    AND NOT {LISTS.format(file="file")}
    AND (earlier.id IS NULL OR event.seen_at >= earlier.complete_at OR {LISTS.format(file="earlier")})
ORDER BY file.complete_at, event.id"""
FILL_BACK = f"""
INSERT INTO offers_back (seen_at, event_id)
SELECT event.seen_at, event.id
FROM scored_listings AS event
JOIN scored_listings AS before ON before.id = (
    SELECT one.id FROM scored_listings AS one
    WHERE one.first_event_id = event.first_event_id AND one.seen_at <= event.seen_at
        AND (one.seen_at < event.seen_at OR one.id < event.id) AND {COUNTS.format(event="one")}
        AND (one.source_url IS NOT NULL OR
            (SELECT {SOURCE.format(batch="batch")} FROM import_batches AS batch
            WHERE batch.import_id = one.import_id)
            = (SELECT {SOURCE.format(batch="batch")} FROM import_batches AS batch
            WHERE batch.import_id = event.import_id))
    ORDER BY one.seen_at DESC, one.id DESC LIMIT 1
)
JOIN import_batches AS file ON file.id = (
    SELECT one.id FROM import_batches AS one
    JOIN import_batches AS batch ON {SAME_SOURCE.format(one="batch", other="one")}
    WHERE batch.import_id = before.import_id AND one.rolled_back_at IS NULL
        AND one.complete_at > before.seen_at AND one.complete_at <= event.seen_at
        AND one.import_id != event.import_id
    ORDER BY one.complete_at DESC, one.id DESC LIMIT 1
)
WHERE EXISTS (SELECT 1 FROM import_batches WHERE complete_at IS NOT NULL)
    AND {COUNTS.format(event="event")} AND event.is_indistinct = 0 AND before.is_indistinct = 0
    AND file.import_id != before.import_id AND NOT {LISTS.format(file="file")}
ORDER BY event.seen_at, event.id"""
OLD_TABLES = {
    "peer_prices": (
        "one row for each model and condition with the prices of its current offers",
        (*GROUP_KEY, ("prices {blob} NOT NULL", "in ascending order, as doubles, little-endian")),
        "PRIMARY KEY (model, condition)",
    ),
}
FORGET = "DELETE FROM market_summaries WHERE name = 'peer prices'"
"""A worker then computes them again, in their new form."""


def _create_on_sqlite(table: str, described: tuple) -> list[str]:
    """SQLite keeps the comments with the statement, and shows them with `.schema`."""
    about, columns, key = described
    lines = [f"CREATE TABLE {table} ( -- {about}"]
    lines += [f"    {definition}, -- {words}" for definition, words in columns]
    lines.append(f"    {key}")
    return ["\n".join(lines).format_map(SQLITE) + f"\n){SQLITE['keyed']}"]


def _create_on_postgresql(table: str, described: tuple) -> list[str]:
    about, columns, key = described
    body = ",\n".join(f"    {line}" for line in (*(definition for definition, _ in columns), key))
    return [
        f"CREATE TABLE {table} (\n{body}\n)".format_map(POSTGRESQL),
        f"COMMENT ON TABLE {table} IS '{about}'",
        *(
            f"COMMENT ON COLUMN {table}.{definition.split()[0]} IS '{words}'"
            for definition, words in columns
        ),
    ]


def _replace(migrator: Migrator, old: dict, new: dict, *, on_sqlite: bool) -> None:
    create = _create_on_sqlite if on_sqlite else _create_on_postgresql
    for table in reversed(old):
        migrator.sql(f"DROP TABLE {table}")
    for table, described in new.items():
        for statement in create(table, described):
            migrator.sql(statement)


def migrate(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    on_sqlite = isinstance(database, SqliteDatabase)
    _replace(migrator, OLD_TABLES, NEW_TABLES, on_sqlite=on_sqlite)
    migrator.sql(FORGET)
    _replace(migrator, {}, ABSENCES, on_sqlite=on_sqlite)
    for statement in (FILL_GONE, FILL_BACK, INDEX):
        migrator.sql(statement.strip())
    now = (SQLITE if on_sqlite else POSTGRESQL)["now"]
    migrator.sql(
        f"INSERT INTO schema_version (version, name, applied_at) VALUES (8, '{NAME}', {now})"
    )


def rollback(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    on_sqlite = isinstance(database, SqliteDatabase)
    migrator.sql(FORGET)
    _replace(migrator, ABSENCES, {}, on_sqlite=on_sqlite)
    _replace(migrator, NEW_TABLES, OLD_TABLES, on_sqlite=on_sqlite)
    migrator.sql(f"DELETE FROM schema_version WHERE name = '{NAME}'")
