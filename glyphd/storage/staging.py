"""The stage: an import's rows in a temporary table on disk, outside the archive's write lock."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from peewee import SQL, Database, Field, Table, fn

from glyphd.contracts.listings import COLUMN_NAMES, POSITION
from glyphd.db.archive_models import ScoredListing
from glyphd.db.dialects import add_rows, is_sqlite, stream, uncommitted
from glyphd.db.fields import CaselessTextField
from glyphd.storage.identity import IDENTITY_COLUMNS, listing_id

TABLE = "staged_listings"
STAGED_COLUMNS = ("import_index", "line", "byte_offset", "byte_length", "listing_id", *COLUMN_NAMES)
staged = Table(TABLE)

StagedRow = tuple[Any, ...]
"""import_index, line, byte_offset, byte_length, the 26 values in column order."""

_AT_VALUES = 4


class Stage:
    """The rows of one import on their way into the archive. Lives as long as its connection's `open_stage`."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def add(self, rows: Iterable[StagedRow]) -> None:
        """Adds rows in file order. Takes no lock that another writer of the archive could miss."""
        with uncommitted(self.database):
            add_rows(self.database, TABLE, STAGED_COLUMNS, (_with_listing_id(row) for row in rows))

    def number_equal_rows(self) -> None:
        """Gives every row but the first of equal identity its own `listing_id`: the second, the third, …"""
        with uncommitted(self.database):
            for import_index, ordinal, *identity in stream(self.database, self._repeated_rows()):
                changed = staged.update({staged.c.listing_id: listing_id(identity, ordinal)})
                self.database.execute(changed.where(staged.c.import_index == import_index))

    def count(self) -> int:
        return int(self.database.execute(staged.select(fn.COUNT(SQL("*")))).fetchone()[0])

    def bounds(self) -> tuple[int, int]:
        """The lowest and the highest `import_index`; (0, 0) when empty."""
        lowest, highest = fn.MIN(staged.c.import_index), fn.MAX(staged.c.import_index)
        first, last = self.database.execute(staged.select(lowest, highest)).fetchone()
        return first or 0, last or 0

    def last_seen_at(self) -> str | None:
        """The latest `seen_at`; None when empty."""
        (latest,) = self.database.execute(staged.select(fn.MAX(staged.c.seen_at))).fetchone()
        return None if latest is None else str(latest)

    def model_at(self, import_index: int) -> str | None:
        found = staged.select(staged.c.model).where(staged.c.import_index == import_index)
        row = self.database.execute(found).fetchone()
        return row[0] if row else None

    def _repeated_rows(self) -> Any:
        ordinal = fn.ROW_NUMBER().over(partition_by=[staged.c.listing_id], order_by=[staged.c.import_index])
        identity = [getattr(staged.c, name) for name in IDENTITY_COLUMNS]
        numbered = staged.select(staged.c.import_index, ordinal.alias("ordinal"), *identity).alias("numbered")
        names = [getattr(numbered.c, name) for name in ("import_index", "ordinal", *IDENTITY_COLUMNS)]
        return numbered.select_from(*names).where(numbered.c.ordinal > 1)


@contextmanager
def open_stage(database: Database) -> Iterator[Stage]:
    """An empty stage on the current connection; gone when the block ends."""
    database.execute_sql(f"DROP TABLE IF EXISTS {TABLE}")
    database.execute_sql(_create_table(database))
    try:
        yield Stage(database)
    finally:
        if not database.is_closed():
            database.execute_sql(f"DROP TABLE IF EXISTS {TABLE}")


def _with_listing_id(row: StagedRow) -> StagedRow:
    values = row[_AT_VALUES:]
    identity = [values[POSITION[name]] for name in IDENTITY_COLUMNS]
    return (*row[:_AT_VALUES], listing_id(identity, 1), *values)


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
