"""The stage: an import's rows in a temporary table on disk, outside the archive's write lock."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from peewee import SQL, Database, Table

from glyphd.contracts.columns import STORED_COLUMNS
from glyphd.db.archive_models import ScoredListing
from glyphd.db.connections import small_cache
from glyphd.db.dialects import add_rows, analyze, is_sqlite, uncommitted
from glyphd.db.fields import CaselessTextField
from glyphd.storage import grouping, staged_models, summarizing
from glyphd.storage.compiled import compiled
from glyphd.storage.identity import ListingIds

TABLE = "staged_rows"
VIEWS = ("staged_ids", "staged_listings")
PLACE_COLUMNS = ("import_index", "line", "byte_offset", "byte_length")
GROUP_COLUMNS = ("ordinal", "group_size", "observed_at", "standing")
STAGED_COLUMNS = (*PLACE_COLUMNS, "listing_id", *GROUP_COLUMNS, *STORED_COLUMNS)
_ALONE = {
    "ordinal": "1",
    "group_size": "1",
    "observed_at": "CAST(NULL AS TEXT)",
    "standing": "0",
    "is_several": "0",
    "word_index": "rows.import_index",
    "anchor_index": "CAST(NULL AS BIGINT)",
}
"""The values of a row whose identity no other row has."""

_GROUPED = {
    "listing_id": "COALESCE(groups.listing_id, rows.listing_id)",
    "ordinal": "COALESCE(groups.ordinal, 1)",
    "group_size": "COALESCE(groups.group_size, 1)",
    "observed_at": "groups.observed_at",
    "standing": "COALESCE(groups.standing, 0)",
    "is_several": "COALESCE(groups.is_several, 0)",
    "word_index": "COALESCE(groups.word_index, rows.import_index)",
    "anchor_index": "groups.anchor_index",
}

PREDECESSOR_TABLES = {
    "staged_keys": """
        import_index {integer} PRIMARY KEY, first_event_id {integer}, event_id {integer},
        is_grouped {integer}""",
    "staged_predecessors": """
        import_index {integer} PRIMARY KEY, first_event_id {integer}, event_id {integer},
        needs_renewal {integer}, is_late {integer}, is_gone {integer}, is_indistinct {integer},
        is_compared {integer}, change_step {integer}, price_usd {real}, score {real}, model {text},
        seen_at {text}""",
}
"""Filled in the transaction that writes the rows; see `predecessors`."""

TIMED_COLUMNS = ("seen_at", "event_id", "model", "region", "is_current", "change_step")
ORDER_TABLES = {"timed_events": """
        place {integer} PRIMARY KEY, seen_at {text}, event_id {integer},
        model TEXT COLLATE NOCASE, region TEXT COLLATE NOCASE, is_current {integer},
        change_step {integer}"""}
"""These tables exist only on SQLite; see `derived.orders`."""

_SQLITE_TYPES = {
    "integer": "INTEGER",
    "serial": "INTEGER",
    "real": "REAL",
    "blob": "BLOB",
    "text": "TEXT",
}
_POSTGRES_TYPES = {
    "integer": "BIGINT",
    "serial": "BIGSERIAL",
    "real": "DOUBLE PRECISION",
    "blob": "BYTEA",
    "text": 'TEXT COLLATE "C"',
}

_rows = Table(TABLE)

staged = Table("staged_listings")
"""The rows of a complete stage: each has STAGED_COLUMNS and `is_several`, `word_index` and
`anchor_index` of its group; see `grouping`."""

staged_ids = Table("staged_ids")
"""`listing_id`, `import_index` and `standing` of each of them, in the order of their listings. Ids
are random: if each were looked up in the order of the file, its page would be in no cache."""

StagedColumns = Mapping[str, Sequence[Any]]
"""PLACE_COLUMNS and STORED_COLUMNS of several rows, by column, all of the same length. A missing
column is null in all rows."""


class Stage:
    """The rows of one import on their way into the archive. Lives as long as its connection's
    `open_stage`.

    `count`, `bounds` (the lowest and the highest `import_index`), `first_seen_at` and
    `last_seen_at` (the earliest and the latest `seen_at`) describe the rows so far;
    `may_be_nameless` says whether a row may have neither a `seller` nor a `source_url`. After
    `complete`, `summary` is the summary for the status, and `is_grouped` says whether several rows
    have the same identity; those are in `staged_groups`.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.count = 0
        self.bounds = (0, 0)
        self.first_seen_at: str | None = None
        self.last_seen_at: str | None = None
        self.may_be_nameless = False
        self.is_grouped = False
        self.summary: dict[str, Any] = {}
        self._listing_ids = ListingIds()
        self._models = staged_models.ModelNotes(database)
        self._notes = summarizing.SummaryNotes(database)

    def add(self, columns: StagedColumns) -> None:
        """Adds rows in file order. Takes no lock for which another writer of the archive would
        wait."""
        if not columns:
            return
        indexes = columns["import_index"]
        given = {**columns, "listing_id": self._listing_ids.of_first_offers(columns, len(indexes))}
        names = [name for name in STAGED_COLUMNS if name in given]
        with uncommitted(self.database):
            self._models.add(columns)
            self._notes.add(columns)
            add_rows(
                self.database, TABLE, names, zip(*(given[name] for name in names), strict=True)
            )
        self.bounds = (self.bounds[0] if self.count else indexes[0], indexes[-1])
        self.count += len(indexes)
        named = [columns[name] for name in ("seller", "source_url") if name in columns]
        self.may_be_nameless |= all(None in column for column in named)
        times = columns["seen_at"]
        self.first_seen_at = min(self.first_seen_at or times[0], *times)
        self.last_seen_at = max(self.last_seen_at or "", *times)

    def complete(self) -> None:
        """Does the work that needs all rows. Call it once, before they are written.

        Distinguishes rows of equal identity, and gives each offer its own `listing_id`.
        """
        with small_cache(self.database), uncommitted(self.database):
            self._models.write()
            if self.count:
                self.summary = self._notes.summary(_rows)
            self.database.execute_sql(f"CREATE INDEX {TABLE}_by_listing ON {TABLE} (listing_id)")
            analyze(self.database, f"{TABLE} (import_index, listing_id, source_url, model)")
            self.is_grouped = grouping.group_rows(self.database)
            for statement in _complete_rows(self.database, self.is_grouped):
                statement.execute(self.database)
            analyze(self.database, "ordered_ids", "staged_models")

    def model_at(self, import_index: int) -> str | None:
        found = _rows.select(_rows.c.model).where(_rows.c.import_index == import_index)
        row = self.database.execute(found).fetchone()
        return row[0] if row else None


@contextmanager
def open_stage(database: Database) -> Iterator[Stage]:
    """An empty stage on the current connection, which is removed when the block ends.

    On SQLite its tables are dropped with the connection, or by the next stage, because dropping
    them reads each page.
    """
    for statement in (*_drop_tables(database), *_create_tables(database)):
        statement.execute(database)
    try:
        yield Stage(database)
    finally:
        if not is_sqlite(database) and not database.is_closed():
            for statement in _drop_tables(database):
                statement.execute(database)


def _tables(database: Database) -> dict[str, str]:
    """The columns of each table. The stage has the types of the events' own ones; its rows follow
    each other by `import_index`."""
    types = database.get_context_options()["field_types"]
    columns = []
    for name in (*PLACE_COLUMNS, "listing_id", *STORED_COLUMNS):
        field = ScoredListing._meta.columns[name]
        kind = types.get(field.field_type, field.field_type)
        if name == "import_index":
            kind += " PRIMARY KEY"
        elif kind == "TEXT":
            is_caseless = is_sqlite(database) and isinstance(field, CaselessTextField)
            kind = "TEXT COLLATE NOCASE" if is_caseless else "{text}"
        columns.append(f"{name} {kind}")
    return {
        TABLE: ", ".join(columns),
        **grouping.TABLES,
        **staged_models.TABLES,
        **summarizing.TABLES,
        **PREDECESSOR_TABLES,
        **(ORDER_TABLES if is_sqlite(database) else {}),
    }


@compiled
def _create_tables(database: Database) -> Iterator[SQL]:
    types = _SQLITE_TYPES if is_sqlite(database) else _POSTGRES_TYPES
    for table, columns in _tables(database).items():
        keyed = " WITHOUT ROWID" if is_sqlite(database) and "PRIMARY KEY (" in columns else ""
        yield SQL(f"CREATE TEMPORARY TABLE {table} ({columns.format_map(types)}){keyed}")


@compiled
def _drop_tables(database: Database) -> Iterator[SQL]:
    for view in VIEWS:
        yield SQL(f"DROP VIEW IF EXISTS {view}")
    for table in _tables(database):
        yield SQL(f"DROP TABLE IF EXISTS {table}")


@compiled
def _complete_rows(database: Database, is_grouped: bool) -> Iterator[SQL]:
    """The statements that make `staged` and `staged_ids`. Rows with all columns are never written
    to the stage again: joining them with their groups while reading takes a fraction of that
    time."""
    given = {name: f"rows.{name}" for name in STAGED_COLUMNS} | (_GROUPED if is_grouped else _ALONE)
    columns = ", ".join(f"{value} AS {name}" for name, value in given.items())
    source = f"{TABLE} AS rows"
    if is_grouped:
        source += " LEFT JOIN staged_groups AS groups ON groups.import_index = rows.import_index"
    yield SQL(f"CREATE TEMPORARY VIEW staged_listings AS SELECT {columns} FROM {source}")
    ids = "SELECT listing_id, import_index, standing FROM"
    if is_grouped:
        ordered = f"{ids} staged_listings ORDER BY listing_id, import_index"
        yield SQL(f"INSERT INTO ordered_ids {ordered}")
        yield SQL(f"CREATE TEMPORARY VIEW staged_ids AS {ids} ordered_ids")
    else:
        yield SQL(f"CREATE TEMPORARY VIEW staged_ids AS {ids} staged_listings")
