"""The tables that hold the orders in which events are read on SQLite; `timelines` reads them.

Entries are added to an index in the order of the rows, so the page needed next is in no cache of
the processor. A table can be filled in its own order. PostgreSQL has an index for each order, and
needs none of this.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from peewee import JOIN, SQL, Database, Model, Node, Select, Tuple

from glyphd.db.archive_models import ScoredListing
from glyphd.db.dialects import exactly, is_sqlite
from glyphd.db.order_models import SQLITE_MODELS, ChangeByStep, EventByModel, EventByTime
from glyphd.storage.comparing import MOST
from glyphd.storage.derived.current import Current
from glyphd.storage.derived.facts import Fact, event_id
from glyphd.storage.derived.steps import Steps
from glyphd.storage.predecessors import Origin, predecessors
from glyphd.storage.staging import staged

_FLAGGED: tuple[type[Model], ...] = (EventByTime, EventByModel)
_EVENT = ScoredListing._meta.columns | {"event_id": ScoredListing.id}


class Orders(Fact):
    def after_rows(self, database: Database, origin: Origin) -> Iterable[Node]:
        if not is_sqlite(database):
            return []
        return [*_unflag_superseded(), *_add_rows(origin)]

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
        flags = [
            _replace(order, _select(order, ScoredListing, _EVENT).where(listed))
            for order in _FLAGGED
        ]
        changed = listed & ScoredListing.change_step.is_null(False)
        return [
            *flags,
            _insert(ChangeByStep, _select(ChangeByStep, ScoredListing, _EVENT).where(changed)),
        ]

    def faults(self, archive: Database) -> Iterator[str]:
        """Compared byte by byte."""
        for order in SQLITE_MODELS if is_sqlite(archive) else ():
            columns = order._meta.columns
            stored = order.select(*(exactly(archive, column) for column in columns.values()))
            due = ScoredListing.select(*(exactly(archive, _EVENT[name]) for name in columns))
            if order is ChangeByStep:
                due = due.where(ScoredListing.change_step.is_null(False))
            for what, wrong in (("lacks", due.except_(stored)), ("has", stored.except_(due))):
                for entry in archive.execute(wrong.limit(MOST)).fetchall():
                    yield f"{order._meta.table_name}: it {what} {', '.join(map(str, entry))}"


def _unflag_superseded() -> Iterator[Node]:
    """The entries of the events that a staged one replaces: they are no longer current."""
    event = {name: getattr(predecessors.c, name) for name in ("event_id", "model", "seen_at")}
    event |= {"is_current": SQL("0")}
    superseded = (predecessors.c.needs_renewal == 0) & predecessors.c.event_id.is_null(False)
    for order in _FLAGGED:
        yield _replace(order, _select(order, predecessors, event).where(superseded))


def _add_rows(origin: Origin) -> Iterator[Node]:
    """Entries for the events of the staged rows."""
    row = {name: getattr(staged.c, name) for name in ("model", "region", "seen_at")}
    row |= {"event_id": event_id(), "is_current": Current().of_row(origin)}
    row |= {"change_step": Steps().of_row(origin)}
    for order in _FLAGGED:
        yield _insert(order, _select(order, staged, row))
    of_each = predecessors.c.import_index == staged.c.import_index
    changes = _select(ChangeByStep, staged, row).join(predecessors, JOIN.LEFT_OUTER, on=of_each)
    yield _insert(ChangeByStep, changes.where(row["change_step"].is_null(False)))


def _select(order: type[Model], source: Any, values: Mapping[str, Any]) -> Any:
    """The rows of an order's table, sorted by its key."""
    key = [values[field.column_name] for field in order._meta.get_primary_keys()]
    return source.select(*(values[name] for name in order._meta.columns)).order_by(*key)


def _insert(order: type[Model], rows: Any) -> Any:
    return order.insert_from(rows, [*order._meta.columns.values()])


def _replace(order: type[Model], rows: Any) -> Node:
    statement: Node = _insert(order, rows).on_conflict_replace()
    return statement
