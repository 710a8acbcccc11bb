"""The stage: an import's rows in a temporary table on disk, outside the archive's write lock."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from peewee import Database, Field, Table

from glyphd.contracts.columns import STORED_COLUMNS
from glyphd.db.archive_models import ScoredListing
from glyphd.db.connections import small_cache
from glyphd.db.dialects import add_rows, is_sqlite, uncommitted
from glyphd.db.fields import CaselessTextField
from glyphd.storage import staged_models, summarizing
from glyphd.storage.grouping import drop_groups, group_rows, open_groups
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

_rows = Table(TABLE)

staged = Table("staged_listings")
"""The rows of a complete stage: each has STAGED_COLUMNS and `is_several`, `word_index` and
`anchor_index` of its group; see `grouping`."""

staged_ids = Table("staged_ids")
"""`listing_id`, `import_index` and `standing` of each of them, in the order of their listings. Ids
are random: to look each up in the order of the file would find its page in no cache."""

StagedColumns = Mapping[str, Sequence[Any]]
"""PLACE_COLUMNS and STORED_COLUMNS of several rows, by column, all of the same length. A missing
column is null in all rows."""


class Stage:
    """The rows of one import on their way into the archive. Lives as long as its connection's
    `open_stage`."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._listing_ids = ListingIds()
        self._models = staged_models.ModelNotes(database)
        self._notes = summarizing.SummaryNotes(database)
        self._summary: dict[str, Any] = {}
        self._is_grouped = False
        self._may_be_nameless = False
        self._count = 0
        self._bounds = (0, 0)
        self._last_seen_at: str | None = None

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
        self._bounds = (self._bounds[0] if self._count else indexes[0], indexes[-1])
        self._count += len(indexes)
        named = [columns[name] for name in ("seller", "source_url") if name in columns]
        self._may_be_nameless |= all(None in column for column in named)
        self._last_seen_at = max(self._last_seen_at or "", *columns["seen_at"])

    def complete(self) -> None:
        """Does what needs all rows; to be called once, before they are written.

        Distinguishes rows of equal identity, and gives each offer its own `listing_id`.
        """
        with small_cache(self.database), uncommitted(self.database):
            self._models.write()
            if self._count:
                self._summary = self._notes.summary(self.database, _rows)
            self.database.execute_sql(f"CREATE INDEX {TABLE}_by_listing ON {TABLE} (listing_id)")
            self._is_grouped = group_rows(self.database)
            for statement in _complete_rows(self._is_grouped):
                self.database.execute_sql(statement)

    def is_grouped(self) -> bool:
        """Whether several rows have one identity, listed in `staged_groups`; known when the stage
        is complete."""
        return self._is_grouped

    def may_be_nameless(self) -> bool:
        """Whether a row may have neither a `seller` nor a `source_url`."""
        return self._may_be_nameless

    def summary(self) -> dict[str, Any]:
        """The rows' summary for the status; empty until `complete`, and without rows."""
        return self._summary

    def count(self) -> int:
        return self._count

    def bounds(self) -> tuple[int, int]:
        """The lowest and the highest `import_index`; (0, 0) when empty."""
        return self._bounds

    def last_seen_at(self) -> str | None:
        """The latest `seen_at`; None when empty."""
        return self._last_seen_at

    def model_at(self, import_index: int) -> str | None:
        found = _rows.select(_rows.c.model).where(_rows.c.import_index == import_index)
        row = self.database.execute(found).fetchone()
        return row[0] if row else None


@contextmanager
def open_stage(database: Database) -> Iterator[Stage]:
    """An empty stage on the current connection; gone when the block ends.

    On SQLite its tables go with the connection, or with the next stage: dropping them would read
    each page.
    """
    _drop_tables(database)
    database.execute_sql(_create_table(database))
    open_groups(database)
    staged_models.create_table(database)
    summarizing.create_tables(database)
    try:
        yield Stage(database)
    finally:
        if not is_sqlite(database) and not database.is_closed():
            _drop_tables(database)


def _drop_tables(database: Database) -> None:
    for view in VIEWS:
        database.execute_sql(f"DROP VIEW IF EXISTS {view}")
    for table in (TABLE, staged_models.TABLE):
        database.execute_sql(f"DROP TABLE IF EXISTS {table}")
    summarizing.drop_tables(database)
    drop_groups(database)


def _complete_rows(is_grouped: bool) -> Iterator[str]:
    """The statements that make `staged` and `staged_ids`. Rows with all columns are never written
    to the stage again: to read them along with their groups takes a fraction of that."""
    given = {name: f"rows.{name}" for name in STAGED_COLUMNS} | (_GROUPED if is_grouped else _ALONE)
    columns = ", ".join(f"{value} AS {name}" for name, value in given.items())
    groups = (
        " LEFT JOIN staged_groups AS groups ON groups.import_index = rows.import_index"
        if is_grouped
        else ""
    )
    yield f"CREATE TEMPORARY VIEW staged_listings AS SELECT {columns} FROM {TABLE} AS rows{groups}"
    ids = "SELECT listing_id, import_index, standing FROM"
    if is_grouped:
        yield f"INSERT INTO ordered_ids {ids} staged_listings ORDER BY listing_id, import_index"
        yield f"CREATE TEMPORARY VIEW staged_ids AS {ids} ordered_ids"
    else:
        yield f"CREATE TEMPORARY VIEW staged_ids AS {ids} staged_listings"


def _create_table(database: Database) -> str:
    """The stage has the types of the events' own columns; rows follow each other by
    `import_index`."""
    fields = [
        ScoredListing._meta.columns[name] for name in STAGED_COLUMNS if name not in GROUP_COLUMNS
    ]
    columns = [_column_definition(database, field) for field in fields]
    return f"CREATE TEMPORARY TABLE {TABLE} ({', '.join(columns)})"


def _column_definition(database: Database, field: Field) -> str:
    types = database.get_context_options()["field_types"]
    kind = types.get(field.field_type, field.field_type)
    if field.column_name == "import_index":
        return f"import_index {kind} PRIMARY KEY"
    if kind != "TEXT":
        return f"{field.column_name} {kind}"
    if is_sqlite(database):
        return (
            f"{field.column_name} "
            f"TEXT{' COLLATE NOCASE' if isinstance(field, CaselessTextField) else ''}"
        )
    return f'{field.column_name} TEXT COLLATE "C"'
