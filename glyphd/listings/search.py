"""Finds listings: pages, whole results, counts and single listings. All queries select from one
Peewee model."""

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property
from typing import Any

from peewee import SQL, Database, Select, fn

from glyphd.contracts.parameter_reading import pick_columns
from glyphd.contracts.queries import ListingQuery
from glyphd.db.archive_models import ListingKey, ScoredListing
from glyphd.db.connections import once_a_commit, small_cache
from glyphd.db.dialects import is_sqlite, stream, uncommitted
from glyphd.listings import results
from glyphd.listings.computed_columns import LISTED_COLUMNS, Selection
from glyphd.listings.cursors import read_cursor, write_cursor
from glyphd.listings.peers import Keep, Peers, computed_again, join_medians
from glyphd.listings.results import Page, RowStream
from glyphd.listings.sorting import KEYS, order_of
from glyphd.listings.statements import Statements, Values
from glyphd.request_errors import InvalidParameter
from glyphd.storage.clock import last_moment
from glyphd.storage.knowledge import Knowledge, knowledge_at, present
from glyphd.storage.predicates import PREDICATES, is_of_listing, restrict
from glyphd.storage.result_rows import RESULT_COLUMNS, convert_rows, select_rows
from glyphd.storage.timelines import MODEL_TIMELINE, TIMELINE, Along
from glyphd.times import now_text

_ORDERED_BY = {TIMELINE: {"after", "before"}, MODEL_TIMELINE: {"model", "after", "before"}}
"""The filters on columns of an order's own table or index."""

_NUMBERS = {"min_score", "max_score", "min_price", "max_price"}
"""Those of the order by model on SQLite in addition."""


BLOCK_ROWS = 512
"""Rows fetched at a time; a page of up to this many is not measured."""


class Search:
    """One query on one database. The caller holds the connection."""

    def __init__(
        self,
        database: Database,
        query: ListingQuery,
        statements: Statements | None = None,
        keep: Keep = computed_again,
    ) -> None:
        self._database = database
        self._keep = keep
        self._statements = statements or Statements()
        if query.as_of is not None:
            _require_past(database, query.as_of, "as_of")
        self._query = query
        self._wanted = {name: getattr(query, name) for name in PREDICATES}
        self._order = order_of(query)
        self.columns = pick_columns(query.fields, LISTED_COLUMNS, RESULT_COLUMNS)
        self._selection = Selection(self.columns)

    @cached_property
    def _known(self) -> Knowledge:
        """What the archive knows or knew, read only when rows are needed: a client that already has
        them is answered without it."""
        known = known_at(self._database, self._query.as_of)
        leaves_gone_out = self._query.gone == "exclude" and not self._shows_history
        return replace(known, leaves_gone_out=leaves_gone_out)

    @property
    def sort(self) -> str:
        """The order of the rows, as in the parameter."""
        return f"-{self._order.key}" if self._order.descending else self._order.key

    def page(self, limit: int) -> Page:
        """The `limit` rows at the cursor, or fewer if they are large."""
        position = self._at_cursor()
        found: list[Sequence[Any]] = []
        size = 0
        more = True
        while more and len(found) < limit and size < results.MOST_PAGE_BYTES:
            wanted = min(limit - len(found), BLOCK_ROWS)
            block = self._behind(position, wanted + 1)
            more = len(block) > wanted
            found += block[:wanted]
            if more:
                position = found[-1][-2:]
                size += _text_bytes(block) if limit > BLOCK_ROWS else 0
        next_cursor = write_cursor(self._identity(), list(found[-1][-2:])) if more else None
        rows = self._selection.shown([row[:-2] for row in found], self._peers)
        return Page(self.columns, list(rows), next_cursor)

    def cursor_before(self, limit: int) -> str | None:
        """The cursor of the page of `limit` rows that ends where this one begins; None if that is
        the first page."""
        position = self._at_cursor()
        if position is None:
            return None
        back = copy(self)
        back._order = replace(self._order, backwards=True)
        # The cursor is the position of the last row before its page, so that row is the first one
        # backwards.
        before = back._behind(position, limit)
        return (
            write_cursor(self._identity(), list(before[-1][-2:])) if len(before) == limit else None
        )

    def everything(self) -> RowStream:
        """Streams all rows as one snapshot with constant memory."""
        with small_cache(self._database), uncommitted(self._database):
            rows = self._restrict(self._select(self._along_whole, self._medians()), self._wanted)
            ordered = rows.order_by(*self._order.sorted(self._database))
            yield from self._selection.shown(stream(self._database, ordered), self._peers)

    def matching(self, *columns: Any) -> Any:
        """A select of these expressions from the matching rows, in no order."""
        rows = ScoredListing.select(*columns)
        if self._along_whole is not None:
            rows = rows.from_(self._along_whole)
        return self._restrict(rows, self._wanted)

    @property
    def is_counted_by_order(self) -> bool:
        """Whether an order's table can answer all filters, so that counting looks up no rows."""
        is_flag = self._query.gone == "exclude" and not self._known.has_complete_files
        asked = {name for name, value in self._wanted.items() if value not in (None, [])}
        return (
            self._along is not None
            and asked <= self._ordered_by(self._along)
            and self._query.as_of is None
            and self._query.seen_within is None
            and (is_flag or self._shows_history)
        )

    def _ordered_by(self, along: Along) -> set[str]:
        has_numbers = along is MODEL_TIMELINE and is_sqlite(self._database)
        return _ORDERED_BY[along] | (_NUMBERS if has_numbers else set())

    def count(self, most: int | None = None) -> int:
        """The number of rows; counting ends at `most`."""
        along = self._along
        if along is not None and self.is_counted_by_order:
            along = along.alone(self._database)
        rows = ScoredListing.select(SQL("1") if most else fn.COUNT(SQL("*")))
        counted = self._restrict(rows if along is None else rows.from_(along), self._wanted)
        if most:
            counted = Select([counted.limit(most).alias("some")], [fn.COUNT(SQL("*"))])
        return int(self._database.execute(counted).fetchone()[0])

    def _at_cursor(self) -> Sequence[Any] | None:
        """The key and the id of the row before the page; None for the first page."""
        if self._query.cursor is None:
            return None
        return read_cursor(self._identity(), self._query.cursor, (KEYS[self._order.key], int))

    def _behind(self, position: Sequence[Any] | None, limit: int) -> list[Sequence[Any]]:
        """Two plain range scans rather than one condition with an OR, which can't use an index."""
        if position is None:
            return self._fetch({"limit": limit})
        value, event_id = position
        found = self._fetch({"tied": value, "event_id": event_id, "limit": limit})
        if len(found) < limit:
            found += self._fetch({"behind": value, "limit": limit - len(found)})
        return found

    def _fetch(self, position: dict[str, Any]) -> list[Sequence[Any]]:
        """Rows in order, each with its key and its id after its columns."""
        asked = {name: value for name, value in self._wanted.items() if value not in (None, [])}
        asked |= self._medians()
        asked_of = (self._shows_history, self._query.gone, self._query.seen_within)
        shape = (self.columns, self._order, asked_of, self._known)
        sql, parameters = self._statements.write(
            self._database, shape, asked | position, self._positioned
        )
        return list(self._database.execute_sql(sql, parameters).fetchall())

    def _positioned(self, values: Values) -> Select:
        order, database = self._order, self._database
        rows = self._select(self._along, values)
        rows = rows.select_extend(order.column(database), ScoredListing.id)
        query = self._restrict(rows, values)
        if "tied" in values:
            query = query.where(order.ties(database, values["tied"], values["event_id"]))
        elif "behind" in values:
            query = query.where(order.rest(database, values["behind"]))
        return query.order_by(*order.clauses(database)).limit(values["limit"])

    def _select(self, along: Along | None, values: Values) -> Any:
        rows = self._selection.select(self._database, self._known, along)
        if self._order.needs_medians:
            rows = join_medians(rows, self._database, values["medians"])
        return rows

    def _medians(self) -> dict[str, str]:
        """What a query needs to sort by it."""
        return {"medians": self._peers.medians()} if self._order.needs_medians else {}

    @property
    def _peers(self) -> Peers:
        return Peers(self._database, self._known, self._keep)

    def _restrict(self, query: Select, values: Values) -> Select:
        is_current = self._known.is_current(self._query.gone)
        condition = self._known.is_held() if self._shows_history else is_current
        if condition is not None:
            query = query.where(condition)
        if self._query.seen_within is not None:
            is_recent = self._known.is_recent(self._database, self._query.seen_within)
            query = query.where(is_recent)
        return restrict(
            query, self._database, {name: values[name] for name in PREDICATES if name in values}
        )

    @property
    def _along(self) -> Along | None:
        """The best order for the query; None for the events of imports, which have an index.

        Several models are sorted together, which is fast for current events but not for all past
        ones.
        """
        if self._query.import_id:
            return None
        models, shows_past = self._query.model, self._query.history or self._query.as_of
        return MODEL_TIMELINE if len(models) == 1 or (models and not shows_past) else TIMELINE

    @property
    def _along_whole(self) -> Along | None:
        """The same for a whole result: reading all events in stored order is faster than looking up
        each one."""
        is_bounded = self._query.after or self._query.before
        return self._along if self._along is MODEL_TIMELINE or is_bounded else None

    @property
    def _shows_history(self) -> bool:
        return bool(self._query.history or self._query.import_id)

    def _identity(self) -> list[Any]:
        """The query to which a cursor belongs: filters and order, but not page size, columns and
        format."""
        asked = self._query
        return [
            self._wanted,
            asked.as_of,
            bool(asked.history),
            asked.gone,
            asked.seen_within,
            self._order.key,
            self._order.descending,
        ]


def _text_bytes(rows: Sequence[Sequence[Any]]) -> int:
    return sum(len(value) for row in rows for value in row if isinstance(value, str))


def known_at(database: Database, as_of: str | None, parameter: str = "as_of") -> Knowledge:
    """What the archive knew at a moment, inclusive; without one, what it knows now.

    Raises InvalidParameter, naming the parameter, for a moment in the future.
    """
    if as_of is None:
        return once_a_commit(database, present)
    _require_past(database, as_of, parameter)
    return knowledge_at(database, as_of)


def find_current(
    database: Database, listing_id: bytes, known: Knowledge | None = None
) -> Sequence[Any] | None:
    """The latest row of one listing, by default as known now, even if it is gone; None if there is
    none."""
    known = known or present(database)
    is_latest = known.is_current("include")
    query = select_rows(RESULT_COLUMNS, known).where(is_of_listing(listing_id), is_latest)
    return next(convert_rows(RESULT_COLUMNS, database.execute(query.limit(1)).fetchall()), None)


def is_known(database: Database, listing_id: bytes) -> bool:
    """True if the archive has any event of this listing."""
    query = ListingKey.select(ListingKey.listing_id).where(ListingKey.listing_id == listing_id)
    return database.execute(query).fetchone() is not None


def _require_past(database: Database, moment: str, parameter: str) -> None:
    """Raises InvalidParameter for a moment that neither this machine's clock nor the archive's own
    clock has reached.

    The archive's can be ahead, because imports before the machine's clock was set back keep their
    `imported_at`.
    """
    if moment > now_text() and moment > last_moment(database):
        raise InvalidParameter(
            f"{parameter}={moment}: must not be in the future", parameter=parameter, value=moment
        )
