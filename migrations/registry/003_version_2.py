"""What version 2 of the row contract keeps of an import, who sent it, and what the databases' checks found."""

from peewee import Database, SqliteDatabase
from peewee_migrate import Migrator

SQLITE = {"serial": "INTEGER", "text": "TEXT", "bigint": "INTEGER", "integer": "INTEGER"}
POSTGRESQL = {"serial": "SERIAL", "text": 'TEXT COLLATE "C"', "bigint": "BIGINT", "integer": "INTEGER"}

COLUMNS = {
    "column_map": "{text}",
    "skip_lines": "{integer}",
    "decimal": "{text}",
    "blank_rows": "{bigint}",
    "warnings": "{text}",
    "summary": "{text}",
    "effect": "{text}",
    "client": "{text}",
    "user_agent": "{text}",
}

CHECKS = """
CREATE TABLE integrity_checks (
    id {serial} NOT NULL PRIMARY KEY,
    checked_at {text} NOT NULL,
    host {text} NOT NULL,
    result {text} NOT NULL,
    detail {text}
)"""


def migrate(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    types = SQLITE if isinstance(database, SqliteDatabase) else POSTGRESQL
    for name, definition in COLUMNS.items():
        migrator.sql(f"ALTER TABLE jobs ADD COLUMN {name} {definition.format_map(types)}")
    migrator.sql(CHECKS.strip().format_map(types))


def rollback(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    migrator.sql("DROP TABLE integrity_checks")
    for name in reversed(COLUMNS):
        migrator.sql(f"ALTER TABLE jobs DROP COLUMN {name}")
