"""The event feed: what happened to imports, in an order that a reader can resume."""

from peewee import Database, SqliteDatabase
from peewee_migrate import Migrator

SQLITE = {"bigint": "INTEGER", "integer": "INTEGER", "text": "TEXT"}
POSTGRESQL = {"bigint": "BIGINT", "integer": "INTEGER", "text": 'TEXT COLLATE "C"'}

# Each table: what one row is, then each column with its type and what it is.
TABLES = {
    "events": (
        "one row for each event of the feed: something that happened to an import",
        (
            (
                "id {bigint} NOT NULL PRIMARY KEY",
                "the order of the events; at least the microseconds since 1970 when it was added",
            ),
            ("kind {text} NOT NULL", "what happened, such as `import.finished`"),
            ("occurred_at {text} NOT NULL", "when it happened"),
            ("job_id {integer} NOT NULL", "`id` of the job that it is about"),
            ("attempt {integer} NOT NULL", "which attempt of the job it reports"),
            ("data {text} NOT NULL", "JSON object: what is reported, as it was then"),
        ),
    ),
    "event_feed": (
        "one row: how far the feed goes; changed first by whoever adds an event, so that ids are committed in order",
        (
            ("id {integer} NOT NULL PRIMARY KEY CHECK (id = 1)", "always 1"),
            ("last_event_id {bigint} NOT NULL", "`id` of the latest event; 0 before the first"),
            (
                "pruned_event_id {bigint} NOT NULL",
                "`id` of the latest event that was deleted for its age; 0 before the first",
            ),
        ),
    ),
}

INDEXES = (
    "CREATE UNIQUE INDEX events_by_job ON events (job_id, kind, attempt)",
    "CREATE INDEX events_by_kind ON events (kind, id)",
)


def _with_comments(table: str) -> str:
    """SQLite keeps comments in the statement that makes the table."""
    comment, columns = TABLES[table]
    lines = [f"CREATE TABLE {table} ( -- {comment}"]
    for number, (definition, words) in enumerate(columns, start=1):
        lines.append(f"    {definition}{',' if number < len(columns) else ''} -- {words}")
    return "\n".join([*lines, ")"]).format_map(SQLITE)


def _described(table: str) -> list[str]:
    comment, columns = TABLES[table]
    definitions = ", ".join(definition for definition, _ in columns).format_map(POSTGRESQL)
    return [
        f"CREATE TABLE {table} ({definitions})",
        f"COMMENT ON TABLE {table} IS '{comment}'",
        *(
            f"COMMENT ON COLUMN {table}.{definition.split()[0]} IS '{words}'"
            for definition, words in columns
        ),
    ]


def migrate(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    on_sqlite = isinstance(database, SqliteDatabase)
    for table in TABLES:
        for statement in [_with_comments(table)] if on_sqlite else _described(table):
            migrator.sql(statement)
    for index in INDEXES:
        migrator.sql(index)
    migrator.sql("INSERT INTO event_feed (id, last_event_id, pruned_event_id) VALUES (1, 0, 0)")


def rollback(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    for table in reversed(TABLES):
        migrator.sql(f"DROP TABLE {table}")
