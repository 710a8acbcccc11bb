"""The stage: an import's rows in a temporary table on disk, outside the archive's write lock."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from peewee import SQL, Database, Field, Table, fn

from glyphd.contracts.listings import COLUMN_NAMES
from glyphd.db.archive_models import ScoredListing
from glyphd.db.connections import little_memory
from glyphd.db.dialects import add_rows, is_sqlite, stream, uncommitted
from glyphd.db.fields import CaselessTextField
from glyphd.storage import staged_models
from glyphd.storage.identity import IDENTITY_COLUMNS, ListingIds, listing_id

TABLE = "staged_listings"
PLACE_COLUMNS = ("import_index", "line", "byte_offset", "byte_length")
STAGED_COLUMNS = (*PLACE_COLUMNS, "listing_id", *COLUMN_NAMES)
staged = Table(TABLE)

StagedRow = tuple[Any, ...]
"""import_index, line, byte_offset, byte_length, the 26 values in column order."""

StagedColumns = Mapping[str, Sequence[Any]]
"""The same of several rows, by column, all equally long. A column that is left out is null in each of them."""


def by_column(rows: Sequence[StagedRow]) -> StagedColumns:
    """Rows as columns."""
    return dict(zip((*PLACE_COLUMNS, *COLUMN_NAMES), zip(*rows, strict=True), strict=False))


class Stage:
    """The rows of one import on their way into the archive. Lives as long as its connection's `open_stage`."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._listing_ids = ListingIds()
        self._models = staged_models.ModelNotes(database)
        self._count = 0
        self._bounds = (0, 0)
        self._last_seen_at: str | None = None

    def add(self, columns: StagedColumns) -> None:
        """Adds rows in file order. Takes no lock that another writer of the archive could miss."""
        if not columns:
            return
        indexes = columns["import_index"]
        given = {**columns, "listing_id": self._listing_ids(columns, len(indexes))}
        names = [name for name in STAGED_COLUMNS if name in given]
        with uncommitted(self.database):
            self._models.add(columns)
            add_rows(self.database, TABLE, names, zip(*(given[name] for name in names), strict=True))
        self._bounds = (self._bounds[0] if self._count else indexes[0], indexes[-1])
        self._count += len(indexes)
        self._last_seen_at = max(self._last_seen_at or "", *columns["seen_at"])

    def complete(self) -> None:
        """Does what can be done only when all rows are in: to be called once, before they are written.

        Gives every row but the first of equal identity its own `listing_id`: the second, the third, …
        """
        with little_memory(self.database), uncommitted(self.database):
            self._models.write()
            self.database.execute_sql(f"CREATE INDEX {TABLE}_by_listing ON {TABLE} (listing_id)")
            for import_index, ordinal, *identity in stream(self.database, self._repeated_rows()):
                changed = staged.update({staged.c.listing_id: listing_id(identity, ordinal)})
                self.database.execute(changed.where(staged.c.import_index == import_index))

    def count(self) -> int:
        return self._count

    def bounds(self) -> tuple[int, int]:
        """The lowest and the highest `import_index`; (0, 0) when empty."""
        return self._bounds

    def last_seen_at(self) -> str | None:
        """The latest `seen_at`; None when empty."""
        return self._last_seen_at

    def model_at(self, import_index: int) -> str | None:
        found = staged.select(staged.c.model).where(staged.c.import_index == import_index)
        row = self.database.execute(found).fetchone()
        return row[0] if row else None

    def _repeated_rows(self) -> Any:
        """Looks for ids that occur more than once in their index, and at the rows that have one of these alone."""
        repeated = staged.select(staged.c.listing_id).group_by(staged.c.listing_id).having(fn.COUNT(SQL("*")) > 1)
        ordinal = fn.ROW_NUMBER().over(partition_by=[staged.c.listing_id], order_by=[staged.c.import_index])
        identity = [getattr(staged.c, name) for name in IDENTITY_COLUMNS]
        equal = staged.select(staged.c.import_index, ordinal.alias("ordinal"), *identity)
        numbered = equal.where(staged.c.listing_id.in_(repeated)).alias("numbered")
        names = [getattr(numbered.c, name) for name in ("import_index", "ordinal", *IDENTITY_COLUMNS)]
        return numbered.select_from(*names).where(numbered.c.ordinal > 1)


@contextmanager
def open_stage(database: Database) -> Iterator[Stage]:
    """An empty stage on the current connection; gone when the block ends.

    On SQLite its tables go with the connection, or with the next stage: to drop them, each page is looked at.
    """
    _drop_tables(database)
    database.execute_sql(_create_table(database))
    staged_models.create_table(database)
    try:
        yield Stage(database)
    finally:
        if not is_sqlite(database) and not database.is_closed():
            _drop_tables(database)


def _drop_tables(database: Database) -> None:
    for table in (TABLE, staged_models.TABLE):
        database.execute_sql(f"DROP TABLE IF EXISTS {table}")


def _create_table(database: Database) -> str:
    """The stage has the types of the events' own columns; rows follow each other by `import_index`."""
    fields = [ScoredListing._meta.columns[name] for name in STAGED_COLUMNS]
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
        return f"{field.column_name} TEXT{' COLLATE NOCASE' if isinstance(field, CaselessTextField) else ''}"
    return f'{field.column_name} TEXT COLLATE "C"'
