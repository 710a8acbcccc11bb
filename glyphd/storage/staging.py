"""The stage: an import's rows in a temporary table on disk, outside the archive's write lock."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from peewee import Database, Node, Table

from glyphd.db.compiled import compiled, given
from glyphd.db.connections import small_cache
from glyphd.db.dialects import add_rows, analyze, is_sqlite, uncommitted
from glyphd.storage import grouping, staged_models, summarizing
from glyphd.storage.identity import ListingIds
from glyphd.storage.stage_tables import (
    STAGED_COLUMNS,
    TABLE,
    create_index,
    create_tables,
    create_views,
    drop_tables,
    order_ids,
    prepare_small,
)

StagedColumns = Mapping[str, Sequence[Any]]
"""PLACE_COLUMNS and STORED_COLUMNS of several rows, by column, all of the same length. A missing
column is null in all rows."""


LARGE_ROWS = 50_000
"""From this many rows on a stage is prepared without the write lock, and its rows are sorted in
parts, because larger sorts hardly benefit from a cache."""


class Stage:
    """The rows of one import on their way into the archive. Lives as long as its connection's
    `open_stage`.

    `count`, `bounds` (the lowest and the highest `import_index`), `first_seen_at` and
    `last_seen_at` (the earliest and the latest `seen_at`) describe the rows so far;
    `may_be_nameless` says whether a row may have neither a `seller` nor a `source_url`. After
    `complete`, `summary` is the summary for the status, and `is_grouped` says whether several rows
    have the same identity; those are in `staged_groups`.
    """

    def __init__(self, database: Database, *, is_small: bool = False) -> None:
        self.database = database
        self._is_small = is_small
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

    @property
    def is_large(self) -> bool:
        return self.count >= LARGE_ROWS

    def room(self) -> AbstractContextManager[None]:
        """A block in which SQLite's cache is small if the stage is large."""
        return small_cache(self.database) if self.is_large else nullcontext()

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
                self.summary = self._notes.summary(TABLE)
            if not self._is_small:
                create_index(self.database)
            analyze(self.database, f"{TABLE} (import_index, listing_id, source_url, model)")
            self.is_grouped = grouping.group_rows(self.database)
            if not self._is_small:
                create_views(self.database, is_grouped=self.is_grouped)
            if self.is_grouped or self._is_small:
                order_ids(self.database)
            analyze(self.database, "ordered_ids", "staged_models")

    def model_at(self, import_index: int) -> str | None:
        (finding,) = _model(self.database)
        row = finding.execute(self.database, import_index=import_index).fetchone()
        return row[0] if row else None


@compiled
def _model(database: Database) -> list[Node]:
    rows = Table(TABLE)
    return [rows.select(rows.c.model).where(rows.c.import_index == given("import_index"))]


@contextmanager
def open_stage(database: Database, *, is_small: bool = False) -> Iterator[Stage]:
    """An empty stage on the current connection, which is removed when the block ends.

    On SQLite its tables are dropped with the connection, or by the next stage, because dropping
    them reads each page. Those of a stage for few rows (`is_small`) are used again by the next one.
    """
    is_small = is_small and is_sqlite(database)
    if is_small:
        prepare_small(database)
    else:
        create_tables(database)
    try:
        yield Stage(database, is_small=is_small)
    finally:
        if not is_sqlite(database) and not database.is_closed():
            drop_tables(database)
