"""Listings added, removed and changed between two imports."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from peewee import SQL, Case, Database, Select, fn

from glyphd.contracts.change_queries import DiffKind, DiffQuery
from glyphd.contracts.parameter_reading import pick_columns
from glyphd.db.archive_models import ScoredListing
from glyphd.db.dialects import stream, uncommitted
from glyphd.history.differences import change_pct, difference
from glyphd.history.matching import OTHER, Brought, Matching
from glyphd.listings.cursors import read_cursor
from glyphd.listings.results import Page, RowStream, cut_page
from glyphd.storage.knowledge import present
from glyphd.storage.result_rows import RESULT_COLUMNS, SELECTABLE_COLUMNS, convert_rows, select_rows

CHANGED_COLUMNS = (
    "listing_id",
    "model",
    "condition",
    "seller",
    "region",
    "source_url",
    "old_price_usd",
    "new_price_usd",
    "price_delta",
    "price_delta_pct",
    "old_score",
    "new_score",
    "score_delta",
    "old_import_index",
    "new_import_index",
)
_DESCRIBED = CHANGED_COLUMNS[:6]


@dataclass(frozen=True)
class DiffCounts:
    """How many listings there are of each kind."""

    added: int
    removed: int
    changed: int
    unchanged: int


@dataclass(frozen=True)
class Shown:
    """The columns of a list, and the position where it begins."""

    columns: tuple[str, ...]
    cursor: str | None


class DiffList(ABC):
    """One list of a difference, in file order: a `Result`."""

    def __init__(self, database: Database, name: Sequence[str], shown: Shown) -> None:
        self._database = database
        self._name = name
        self._cursor = shown.cursor
        self.columns = shown.columns

    def everything(self) -> RowStream:
        for _, row in self._read(self._select()):
            yield row

    def page(self, limit: int) -> Page:
        query = self._select()
        if self._cursor is not None:
            query = query.where(
                ScoredListing.import_index > read_cursor(self._name, self._cursor, (int,))[0]
            )
        found = self._read(query.limit(limit + 1))
        return cut_page(self.columns, (([index], row) for index, row in found), limit, self._name)

    def _read(self, query: Select) -> Iterator[tuple[int, list[Any]]]:
        """The rows with their `import_index`, by which they are ordered."""
        with uncommitted(self._database):
            ordered = query.order_by(ScoredListing.import_index)
            for *row, index in self._rows(stream(self._database, ordered)):
                yield index, row

    @abstractmethod
    def _select(self) -> Select:
        """The values that `_rows` reads, ending in `import_index`."""

    @abstractmethod
    def _rows(self, found: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
        """Rows of `columns`, each followed by its `import_index`."""


class MissingList(DiffList):
    """The rows that only one of the imports has."""

    def __init__(self, database: Database, shown: Shown, having: Brought, lacking: Brought) -> None:
        super().__init__(database, [having.import_id, "without", lacking.import_id], shown)
        self._having = having
        self._lacking = lacking

    def _select(self) -> Select:
        matching = Matching(self._having, self._lacking)
        rows = select_rows([*self.columns, "import_index"], present(self._database))
        return matching.join(rows).where(~matching.is_matched)

    def _rows(self, found: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
        return convert_rows([*self.columns, "import_index"], found)


class ChangedList(DiffList):
    """The listings that both imports have, with a different price or score."""

    def __init__(self, database: Database, shown: Shown, old: Brought, new: Brought) -> None:
        super().__init__(database, [old.import_id, "changed", new.import_id], shown)
        self._old = old
        self._new = new

    def _select(self) -> Select:
        described = (getattr(ScoredListing, name) for name in _DESCRIBED)
        old, new = ((row.price_usd, row.score, row.import_index) for row in (OTHER, ScoredListing))
        query = ScoredListing.select(*described, *old, *new).join(OTHER, on=self._old.has_first)
        return query.where(self._new.offers, Matching(self._new, self._old).is_changed_from_other)

    def _rows(self, found: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
        positions = [CHANGED_COLUMNS.index(name) for name in self.columns]
        for values in found:
            row = _changed_row(values)
            yield [*(row[at] for at in positions), row[-1]]


def count_diff(database: Database, old: Brought, new: Brought) -> DiffCounts:
    """The four counts of a difference."""
    matching = Matching(new, old)
    cases = [(matching.is_changed, 1)], [(matching.is_matched, 1)]
    sums = (fn.COALESCE(fn.SUM(Case(None, case, 0)), 0) for case in cases)
    both = matching.join(ScoredListing.select(fn.COUNT(SQL("*")), *sums))
    offered, changed, shared = map(int, database.execute(both).fetchone())
    (before,) = database.execute(
        ScoredListing.select(fn.COUNT(SQL("*"))).where(old.offers)
    ).fetchone()
    return DiffCounts(offered - shared, before - shared, changed, shared - changed)


def list_diff(
    database: Database, query: DiffQuery, kind: DiffKind, old: Brought, new: Brought
) -> DiffList:
    """The list of one kind, with the requested columns. Raises InvalidParameter for unknown
    ones."""
    if kind == "changed":
        columns = pick_columns(query.fields, CHANGED_COLUMNS)
        return ChangedList(database, Shown(columns, query.cursor), old, new)
    columns = pick_columns(query.fields, SELECTABLE_COLUMNS, RESULT_COLUMNS)
    having, lacking = (new, old) if kind == "added" else (old, new)
    return MissingList(database, Shown(columns, query.cursor), having, lacking)


def _changed_row(values: Sequence[Any]) -> list[Any]:
    """CHANGED_COLUMNS: the columns that describe the listing, and price, score and index before and
    after."""
    listing_id, *described = values[: len(_DESCRIBED)]
    old_price, old_score, old_index, new_price, new_score, new_index = values[len(_DESCRIBED) :]
    price = [
        old_price,
        new_price,
        difference(old_price, new_price),
        change_pct(old_price, new_price),
    ]
    score = [old_score, new_score, difference(old_score, new_score)]
    return [bytes(listing_id).hex(), *described, *price, *score, old_index, new_index]
