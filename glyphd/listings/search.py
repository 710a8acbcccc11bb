"""Finding listings: pages, whole results, counts and single listings. All of it selects on one Peewee model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from peewee import Database, Node, Select, fn

from glyphd.contracts.queries import ListingQuery
from glyphd.db.archive_models import IS_CURRENT, BatchChange, ImportBatch, ScoredListing
from glyphd.db.dialects import stream, uncommitted
from glyphd.errors import InvalidParameter
from glyphd.listings.cursors import read_cursor, write_cursor
from glyphd.listings.sorting import KEYS, Order, order_of
from glyphd.storage.knowledge import knowledge_at, present
from glyphd.storage.predicates import PREDICATES, restrict
from glyphd.storage.rows import RESULT_COLUMNS, convert_rows, select_rows


@dataclass(frozen=True)
class Page:
    """Some rows, their columns, and the cursor of the next page, if there is one."""

    columns: tuple[str, ...]
    rows: list[list[Any]]
    next_cursor: str | None


class Search:
    """One query on one database. The caller holds the connection."""

    def __init__(self, database: Database, query: ListingQuery) -> None:
        self._database = database
        self._known = present(database) if query.as_of is None else knowledge_at(database, query.as_of)
        self._query = query
        self._order = order_of(query)
        self.columns = _columns(query.fields)

    def page(self, limit: int) -> Page:
        """The `limit` rows at the cursor."""
        selected = (*self.columns, self._order.key, "id")
        found = self._at_cursor(self._select(selected), limit + 1)
        more = len(found) > limit
        rows = [list(row) for row in found[:limit]]
        next_cursor = write_cursor(self._identity(), rows[-1][-2:]) if more else None
        width = len(self.columns)
        return Page(self.columns, list(convert_rows(self.columns, (row[:width] for row in rows))), next_cursor)

    def everything(self) -> Iterator[list[Any]]:
        """All rows as one snapshot, one by one at flat memory."""
        with uncommitted(self._database):
            ordered = self._select(self.columns).order_by(*self._order.clauses(self._database))
            yield from convert_rows(self.columns, stream(self._database, ordered))

    def count(self) -> int:
        counted = self._restrict(ScoredListing.select(fn.COUNT(ScoredListing.id)))
        return int(self._database.execute(counted).fetchone()[0])

    def _at_cursor(self, query: Select, limit: int) -> list[Sequence[Any]]:
        """Two plain range scans rather than one condition with an OR in it, which no index serves."""
        order, database = self._order, self._database
        ordered = query.order_by(*order.clauses(database))
        if self._query.cursor is None:
            return self._fetch(ordered, limit)
        value, event_id = self._position(order)
        found = self._fetch(ordered.where(order.ties(database, value, event_id)), limit)
        if len(found) < limit:
            found += self._fetch(ordered.where(order.rest(database, value)), limit - len(found))
        return found

    def _position(self, order: Order) -> list[Any]:
        assert self._query.cursor is not None
        return read_cursor(self._identity(), self._query.cursor, (KEYS[order.key], int))

    def _fetch(self, query: Select, limit: int) -> list[Sequence[Any]]:
        return list(self._database.execute(query.limit(limit)))

    def _select(self, columns: Sequence[str]) -> Select:
        return self._restrict(select_rows(columns, self._known))

    def _restrict(self, query: Select) -> Select:
        every_event = self._query.history or self._query.import_id
        condition = self._known.is_held() if every_event else self._known.is_current()
        if condition is not None:
            query = query.where(condition)
        return restrict(query, self._database, self._wanted())

    def _wanted(self) -> dict[str, Any]:
        return self._query.model_dump(include=set(PREDICATES))

    def _identity(self) -> list[Any]:
        """What a cursor belongs to: filters and order, whatever the page size, columns and format."""
        asked = self._query
        return [self._wanted(), asked.as_of, bool(asked.history), self._order.key, self._order.descending]


def find_current(database: Database, listing_id: bytes, columns: Sequence[str] = RESULT_COLUMNS) -> list[Any] | None:
    """The current row of one listing, or None."""
    return _first(database, columns, (ScoredListing.listing_id == listing_id) & IS_CURRENT)


def is_known(database: Database, listing_id: bytes) -> bool:
    """True when the archive holds any event of this listing."""
    query = ScoredListing.select(ScoredListing.id).where(ScoredListing.listing_id == listing_id).limit(1)
    return database.execute(query).fetchone() is not None


def archive_version(database: Database) -> str:
    """Changes whenever any answer from the archive may change."""
    latest = [model.select(fn.MAX(model.id)) for model in (ImportBatch, BatchChange)]
    return "-".join(str(database.execute(query).fetchone()[0] or 0) for query in latest)


def _first(database: Database, columns: Sequence[str], where: Node) -> list[Any] | None:
    rows = database.execute(select_rows(columns, present(database)).where(where).limit(1)).fetchall()
    return next(convert_rows(columns, rows), None)


def _columns(fields: Sequence[str]) -> tuple[str, ...]:
    for name in fields:
        if name not in RESULT_COLUMNS:
            allowed = ", ".join(RESULT_COLUMNS)
            raise InvalidParameter(
                f"fields={name}: there is no such column", parameter="fields", value=name, allowed=allowed
            )
    return tuple(dict.fromkeys(fields)) or RESULT_COLUMNS
