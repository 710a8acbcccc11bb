"""The tables that hold the orders in which events are read on SQLite; `timelines` reads them.

An index gets its entries in the order of the rows, so the next page is in none of the processor's
caches. A table can be filled in its own order. PostgreSQL has an index for each order instead.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from peewee import JOIN, SQL, Database, Model, Node, Select, Table, Tuple

from glyphd.db.archive_models import ScoredListing
from glyphd.db.dialects import exactly, in_byte_order, is_sqlite
from glyphd.db.order_models import SQLITE_MODELS, ChangeByStep, EventByModel, EventByTime
from glyphd.storage.change_steps import NEW_STEP
from glyphd.storage.comparing import MOST
from glyphd.storage.derived.current import Current
from glyphd.storage.derived.facts import Fact, event_id
from glyphd.storage.derived.steps import Steps
from glyphd.storage.predecessors import Origin, predecessors
from glyphd.storage.stage_tables import TIMED_COLUMNS, staged

_FLAGGED: tuple[type[Model], ...] = (EventByTime, EventByModel)
_EVENT = ScoredListing._meta.columns | {"event_id": ScoredListing.id}
_timed = Table("timed_events")
_TIMED = {name: getattr(_timed.c, name) for name in TIMED_COLUMNS}


class Orders(Fact):
    def prepare_rows(self, database: Database, origin: Origin) -> Iterable[Node]:
        return [_sort_by_time(origin)] if is_sqlite(database) else []

    def after_rows(self, database: Database, origin: Origin) -> Iterable[Node]:
        return _add_entries(database, origin) if is_sqlite(database) else []

    def before_renewal(self, database: Database, changing: Select) -> Iterable[Node]:
        """Deletes the entries of changes while their events still have the old values."""
        if not is_sqlite(database):
            return []
        key = ChangeByStep._meta.get_primary_keys()
        entries = ScoredListing.select(*(_EVENT[field.column_name] for field in key))
        return [
            ChangeByStep.delete().where(
                Tuple(*key).in_(entries.where(ScoredListing.id.in_(changing)))
            )
        ]

    def after_renewal(self, database: Database, changing: Select) -> Iterable[Node]:
        if not is_sqlite(database):
            return []
        listed = ScoredListing.id.in_(changing)
        flags = [_replace(order, _in_order(order).where(listed)) for order in _FLAGGED]
        changed = listed & ScoredListing.change_step.is_null(False)
        return [*flags, _insert(ChangeByStep, _in_order(ChangeByStep).where(changed))]

    def faults(self, archive: Database) -> Iterator[str]:
        """Columns that are compared byte by byte."""
        for order in SQLITE_MODELS if is_sqlite(archive) else ():
            columns = order._meta.columns
            stored = order.select(*(exactly(archive, column) for column in columns.values()))
            due = ScoredListing.select(*(exactly(archive, _EVENT[name]) for name in columns))
            if order is ChangeByStep:
                due = due.where(ScoredListing.change_step.is_null(False))
            for what, wrong in (("lacks", due.except_(stored)), ("has", stored.except_(due))):
                for entry in archive.execute(wrong.limit(MOST)).fetchall():
                    yield f"{order._meta.table_name}: it {what} {', '.join(map(str, entry))}"


def _sort_by_time(origin: Origin) -> Node:
    """Sorts the events that get an entry by time, for all orders together: those of the staged
    rows, and those that they replace, which are no longer current."""
    both = ("seen_at", "model", "score", "price_usd")
    row = {name: getattr(staged.c, name) for name in (*both, "region")}
    row |= {"event_id": event_id(), "is_current": Current().of_row(origin)}
    row |= {"change_step": Steps().of_row(origin)}
    of_each = predecessors.c.import_index == staged.c.import_index
    rows = staged.select(*(row[name] for name in TIMED_COLUMNS))
    rows = rows.join(predecessors, JOIN.LEFT_OUTER, on=of_each)
    event = {name: getattr(predecessors.c, name) for name in (*both, "event_id")}
    event |= {"is_current": SQL("0"), "region": SQL("NULL"), "change_step": SQL("NULL")}
    superseded = predecessors.select(*(event[name] for name in TIMED_COLUMNS)).where(
        (predecessors.c.needs_renewal == 0) & predecessors.c.event_id.is_null(False)
    )
    seen_at, its_id = (SQL(str(TIMED_COLUMNS.index(name) + 1)) for name in ("seen_at", "event_id"))
    entries = rows.union_all(superseded).order_by(seen_at, its_id)
    statement: Node = _timed.insert(entries, columns=[*_TIMED.values()])
    return statement


def _add_entries(database: Database, origin: Origin) -> Iterator[Node]:
    """Entries for the sorted events. They are sorted again only as far as another order needs it:
    new offers all have one step, and the entries of a few models go to as many pages at a time."""
    place, step = _timed.c.place, _timed.c.change_step
    by_model = (in_byte_order(database, _timed.c.model),) if origin.has_many_models else ()
    for order, first in ((EventByTime, ()), (EventByModel, by_model)):
        yield _replace(order, _select(order, _timed, _TIMED).order_by(*first, place))
    changes = _select(ChangeByStep, _timed, _TIMED)
    yield _insert(ChangeByStep, changes.where(step < NEW_STEP).order_by(step, place))
    yield _insert(ChangeByStep, changes.where(step == NEW_STEP).order_by(place))


def _select(order: type[Model], source: Any, values: Mapping[str, Any]) -> Any:
    """The rows of an order's table."""
    return source.select(*(values[name] for name in order._meta.columns))


def _in_order(order: type[Model]) -> Any:
    """The rows of an order's table for all events, sorted by its key."""
    key = (_EVENT[field.column_name] for field in order._meta.get_primary_keys())
    return _select(order, ScoredListing, _EVENT).order_by(*key)


def _insert(order: type[Model], rows: Any) -> Any:
    return order.insert_from(rows, [*order._meta.columns.values()])


def _replace(order: type[Model], rows: Any) -> Node:
    statement: Node = _insert(order, rows).on_conflict_replace()
    return statement
