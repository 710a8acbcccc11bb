"""Answers about the whole market that a worker computes when it is idle, and keeps until the archive changes; and
an index of complete files by their moment.
"""

from peewee import Database, SqliteDatabase
from peewee_migrate import Migrator

NAME = "007_market_summaries"

SQLITE = {
    "text": "TEXT",
    "blob": "BLOB",
    "keyed": " WITHOUT ROWID",
    "now": "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')",
}
POSTGRESQL = {
    "text": 'TEXT COLLATE "C"',
    "blob": "BYTEA",
    "keyed": "",
    "now": """to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""",
}

INDEX = "import_batches_complete"
CREATE_INDEX = f"CREATE INDEX {INDEX} ON import_batches (complete_at) WHERE complete_at IS NOT NULL"

TABLES = {
    "market_summaries": (
        "one row for each answer about the whole market that is kept",
        (
            ("name {text} NOT NULL PRIMARY KEY", "what it is an answer to"),
            ("archive_version {text} NOT NULL", "the state of the archive that it was computed in"),
            ("content {text} NOT NULL", "JSON"),
        ),
        None,
    ),
    "peer_prices": (
        "one row for each model and condition with the prices of its current offers",
        (
            ("model {text} NOT NULL", "the model, its ASCII letters in lower case"),
            ("condition {text} NOT NULL", "the same of the condition; empty for none"),
            ("prices {blob} NOT NULL", "in ascending order, as doubles, little-endian"),
        ),
        "PRIMARY KEY (model, condition)",
    ),
}


def _create_on_sqlite(table: str) -> list[str]:
    """SQLite keeps the comments with the statement, and shows them with `.schema`."""
    about, columns, key = TABLES[table]
    lines = [f"CREATE TABLE {table} ( -- {about}"]
    for number, (definition, words) in enumerate(columns, start=1):
        ends = number == len(columns) and key is None
        lines.append(f"    {definition}{'' if ends else ','} -- {words}")
    lines += [] if key is None else [f"    {key}"]
    return ["\n".join(lines).format_map(SQLITE) + f"\n){SQLITE['keyed']}"]


def _create_on_postgresql(table: str) -> list[str]:
    about, columns, key = TABLES[table]
    definitions = [f"    {definition}" for definition, _ in columns]
    definitions += [] if key is None else [f"    {key}"]
    body = ",\n".join(definitions).format_map(POSTGRESQL)
    return [
        f"CREATE TABLE {table} (\n{body}\n)",
        f"COMMENT ON TABLE {table} IS '{about}'",
        *(
            f"COMMENT ON COLUMN {table}.{definition.split()[0]} IS '{words}'"
            for definition, words in columns
        ),
    ]


def migrate(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    on_sqlite = isinstance(database, SqliteDatabase)
    create = _create_on_sqlite if on_sqlite else _create_on_postgresql
    for table in TABLES:
        for statement in create(table):
            migrator.sql(statement)
    migrator.sql(CREATE_INDEX)
    now = (SQLITE if on_sqlite else POSTGRESQL)["now"]
    migrator.sql(
        f"INSERT INTO schema_version (version, name, applied_at) VALUES (7, '{NAME}', {now})"
    )


def rollback(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    migrator.sql(f"DROP INDEX {INDEX}")
    for table in reversed(TABLES):
        migrator.sql(f"DROP TABLE {table}")
    migrator.sql(f"DELETE FROM schema_version WHERE name = '{NAME}'")
