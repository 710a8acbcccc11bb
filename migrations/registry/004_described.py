"""What each table and column of the registry is, in the schema itself.

SQLite keeps a comment only in the statement that makes a table, so the tables are copied into new ones.
"""

from peewee import Database, SqliteDatabase
from peewee_migrate import Migrator

TYPES = {
    "serial": "INTEGER",
    "bigint": "INTEGER",
    "integer": "INTEGER",
    "boolean": "INTEGER",
    "double": "REAL",
    "text": "TEXT",
    "caseless": "TEXT COLLATE NOCASE",
}

# Each table: what one row is, then each column with its type and, indented, what it is.
TABLES = {
    "registry_identity": """
one row: the archive that this registry belongs to
archive_id {text} NOT NULL PRIMARY KEY
    the same as in `archive_identity`; if they differ, nothing starts
""",
    "jobs": """
one row for each requested import, rollback or restore: the truth about it
id {serial} NOT NULL PRIMARY KEY
    the job's number, in the order of the requests
kind {text} NOT NULL CHECK (kind IN ('import', 'rollback', 'restore'))
    `import`, `rollback` or `restore`
import_id {text} NOT NULL
    the import it is about; one job of kind `import` for each
status {text} NOT NULL CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled'))
    `queued`, `running`, `succeeded`, `failed` or `cancelled`; the last three are final
attempt {integer} NOT NULL
    how many times a worker has claimed it; a worker with an older number may change nothing
lost_count {integer} NOT NULL
    how many of these ended because the worker died
handback_count {integer} NOT NULL
    how many were requeued: a stopped worker, a busy database, a full disk
not_before {text}
    not run again before this time, after being requeued
nudged_at {text}
    when a worker was last notified of it
cancel_requested_at {text}
    when its cancellation was requested
reason {text}
    why a rollback or restore was requested
received_at {text} NOT NULL
    when it was requested; for an import, when the upload was complete
started_at {text}
    when the first attempt began
heartbeat_at {text}
    the running attempt's last heartbeat
finished_at {text}
    when it reached a final status
rolled_back_at {text}
    when the import was rolled back; null while its rows count
upload_name {text}
    the kept file's name in the upload store
filename {text}
    the client's name for it; data, never a path
content_type {text}
    what kind of file it is
content_encoding {text}
    `gzip` if it was sent compressed
size_bytes {bigint}
    bytes received, as sent
sha256 {text}
    of these bytes, 64 hex digits
source {caseless}
    where the file came from, as the client said
description {text}
    what the client said about it
encoding {text}
    the encoding of its text
delimiter {text}
    the separator between its cells, detected or as requested
on_error {text} CHECK (on_error IN ('abort', 'skip'))
    `abort`: one bad row fails it; `skip`: bad rows are left out
dry_run {boolean} NOT NULL
    1 if everything is checked and nothing written
schema_version {integer} NOT NULL
    version of the row contract it is read by
phase {text}
    what the running attempt is doing
progress {double} NOT NULL
    how much is done, 0 to 1
bytes_read {bigint} NOT NULL
    bytes of the upload read so far
rows_read {bigint} NOT NULL
    records read so far
error_count {bigint} NOT NULL
    row errors found, all of them
errors_kept {bigint} NOT NULL
    how many of these are in the error file
errors_name {text}
    the error file's name in the upload store; null without errors
error_code {text}
    why it failed, as a stable code
error_message {text}
    why it failed, as a sentence
error_summary {text} NOT NULL
    JSON array: the row errors by field and code, with counts and first lines
errors {text} NOT NULL
    JSON array: the first row errors
ignored_columns {text} NOT NULL
    JSON array: the file's unknown columns
record_count {bigint} NOT NULL
    rows imported; 0 until it has succeeded
first_model {text}
    `model` of the first row; null until it has succeeded
last_model {text}
    `model` of the last row; null until it has succeeded
same_content_as {text}
    `import_id` of the latest earlier import of the same bytes that succeeded and counted
replaces {text}
    `import_id` of the failed or cancelled import that this one repeats
idempotency_key {text}
    the client's key for this request; never expires
idempotency_fingerprint {text}
    what the request was, to tell a repetition from another use of the key
imported_at {text}
    when the archive committed the import or the change; used again if the archive is rebuilt
column_map {text}
    JSON array of pairs: the canonical column and the file's column that the client mapped to
    it
skip_lines {integer}
    lines of the file before its header; null: none
decimal {text}
    `comma` for numbers written `1.299,50`; null: a point
blank_rows {bigint}
    rows without a filled cell, which are skipped
warnings {text}
    JSON array: oddities of the file or its rows that did not stop the import
summary {text}
    JSON object: prices, scores, models and sellers of the import's rows; null until it is
    known
effect {text}
    JSON object: how the import changed the market; null until it is known
client {text}
    the client's address
user_agent {text}
    the `User-Agent` of the request
""",
    "workers": """
one row for each worker process that is alive, or whose death has not been noticed yet
id {text} NOT NULL PRIMARY KEY
    the process's own random id
host {text} NOT NULL
    the machine it runs on
pid {integer} NOT NULL
    its process number there
started_at {text} NOT NULL
    when it started
heartbeat_at {text} NOT NULL
    its last heartbeat
""",
    "integrity_checks": """
one row for each of the latest checks of the databases for damage
id {serial} NOT NULL PRIMARY KEY
    the order of the checks
checked_at {text} NOT NULL
    when it ended
host {text} NOT NULL
    the machine that ran it
result {text} NOT NULL
    `sound` or `damaged`
detail {text}
    what is damaged, a line each, up to 2,000 characters
""",
}

INDEXES = (
    "CREATE UNIQUE INDEX job_idempotency_key ON jobs (idempotency_key)",
    "CREATE UNIQUE INDEX jobs_by_import ON jobs (import_id) WHERE kind = 'import'",
    "CREATE INDEX jobs_unfinished ON jobs (id) WHERE status IN ('queued', 'running')",
    "CREATE INDEX jobs_by_sha256 ON jobs (sha256)",
    (
        "CREATE UNIQUE INDEX jobs_unfinished_change ON jobs (import_id)"
        " WHERE kind IN ('rollback', 'restore') AND status IN ('queued', 'running')"
    ),
)


def _described(table: str) -> tuple[str, list[tuple[str, str]]]:
    """What a row of the table is, and each definition of a column with its comment."""
    comment, *lines = TABLES[table].strip().splitlines()
    described: list[tuple[str, str]] = []
    for line in lines:
        if line.startswith(" "):
            definition, words = described.pop()
            described.append((definition, f"{words} {line.strip()}".lstrip()))
        else:
            described.append((line, ""))
    return comment, described


def _made_again(table: str, *, with_comments: bool) -> list[str]:
    """The statements that put another table in the place of this one."""
    comment, definitions = _described(table)
    lines = []
    for number, (definition, words) in enumerate(definitions, start=1):
        comma = "," if number < len(definitions) else ""
        lines.append(f"    {definition}{comma}" + (f" -- {words}" if with_comments else ""))
    names = ", ".join(definition.split()[0] for definition, _ in definitions)
    head = f"CREATE TABLE new_{table} (" + (f" -- {comment}" if with_comments else "")
    return [
        "\n".join([head, *lines]).format_map(TYPES) + "\n)",
        f"INSERT INTO new_{table} ({names}) SELECT {names} FROM {table}",
        f"DROP TABLE {table}",
        f"ALTER TABLE new_{table} RENAME TO {table}",
    ]


def _comments(table: str, *, with_comments: bool) -> list[str]:
    comment, definitions = _described(table)
    columns = [
        f"COMMENT ON COLUMN {table}.{definition.split()[0]} IS {_quoted(words) if with_comments else 'NULL'}"
        for definition, words in definitions
    ]
    return [
        f"COMMENT ON TABLE {table} IS {_quoted(comment) if with_comments else 'NULL'}",
        *columns,
    ]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _describe(migrator: Migrator, database: Database, *, with_comments: bool) -> None:
    on_sqlite = isinstance(database, SqliteDatabase)
    for table in TABLES:
        describe = _made_again if on_sqlite else _comments
        for statement in describe(table, with_comments=with_comments):
            migrator.sql(statement)
    for index in INDEXES if on_sqlite else ():
        migrator.sql(index)


def migrate(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    _describe(migrator, database, with_comments=True)


def rollback(migrator: Migrator, database: Database, *, fake: bool = False) -> None:
    _describe(migrator, database, with_comments=False)
