"""The prices of current offers in blocks, so that a page with percentiles reads only those that it needs."""

from peewee import Database, SqliteDatabase
from peewee_migrate import Migrator

NAME = "008_quick_pages"

SQLITE = {
    "text": "TEXT",
    "blob": "BLOB",
    "double": "REAL",
    "keyed": " WITHOUT ROWID",
    "now": "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')",
}
POSTGRESQL = {
    "text": 'TEXT COLLATE "C"',
    "blob": "BYTEA",
    "double": "DOUBLE PRECISION",
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
    now = (SQLITE if on_sqlite else POSTGRESQL)["now"]
    migrator.sql(
        f"INSERT INTO schema_version (version, name, applied_at) VALUES (8, '{NAME}', {now})"
    )


def rollback(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    on_sqlite = isinstance(database, SqliteDatabase)
    migrator.sql(FORGET)
    _replace(migrator, NEW_TABLES, OLD_TABLES, on_sqlite=on_sqlite)
    migrator.sql(f"DELETE FROM schema_version WHERE name = '{NAME}'")
