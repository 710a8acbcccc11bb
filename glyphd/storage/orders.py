"""The orders that events are asked for in: by time, by model and time, and those that changed by how much and time.

PostgreSQL has an index for each. On SQLite each is a table of its own: an index is added to as the rows come, here and
there, and what it needs next is in no cache of the processor; a table can be filled in its own order.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from peewee import SQL, Context, Database, Entity, Model, Node, Select, Source, Tuple

from glyphd.db.archive_models import ScoredListing
from glyphd.db.dialects import exactly, is_sqlite
from glyphd.db.order_models import SQLITE_MODELS, ChangeByStep, EventByModel, EventByTime
from glyphd.storage.predecessors import predecessors
from glyphd.storage.staging import staged


class Along(Source):
    """Events read along an order: what a query selects from instead of `ScoredListing`, whose columns it gives."""

    def __init__(self, view: str, places: type[Model]) -> None:
        super().__init__()
        self._view = view
        self._places = places

    def alone(self, database: Database) -> "Along":
        """The order without its events: enough to count them by what is in it."""
        return Along(self._places._meta.table_name, self._places) if is_sqlite(database) else self

    def __sql__(self, ctx: Context) -> Any:
        alias = ctx.alias_manager[ScoredListing._meta.table]
        return ctx.sql(Entity(self._view)).literal(" AS ").sql(Entity(alias))


TIMELINE = Along("timeline", EventByTime)
"""All events by `seen_at`, then by id."""

MODEL_TIMELINE = Along("model_timeline", EventByModel)
"""All events by model, then by `seen_at` and id."""

CHANGE_TIMELINE = Along("change_timeline", ChangeByStep)
"""The events with a `change_step` by that, then by `seen_at` and id."""

_FLAGGED: tuple[type[Model], ...] = (EventByTime, EventByModel)
_EVENT = ScoredListing._meta.columns | {"event_id": ScoredListing.id}


def enter(database: Database, event_id: Any, is_current: Any) -> list[Node]:
    """The statements that give every staged row's event its places."""
    if not is_sqlite(database):
        return []
    row = {name: getattr(staged.c, name) for name in ("model", "region", "seen_at")}
    row |= {"event_id": event_id, "change_step": predecessors.c.change_step, "is_current": is_current}
    of_each = predecessors.c.import_index == staged.c.import_index
    changes = _select(ChangeByStep, staged, row).join(predecessors, on=of_each)
    return [
        *(_insert(places, _select(places, staged, row)) for places in _FLAGGED),
        _insert(ChangeByStep, changes.where(predecessors.c.change_step.is_null(False))),
    ]


def leave_current(database: Database) -> list[Node]:
    """The statements that tell the places of the events that a staged one takes the place of: no longer current."""
    if not is_sqlite(database):
        return []
    event = {name: getattr(predecessors.c, name) for name in ("event_id", "model", "seen_at")}
    event |= {"is_current": SQL("0")}
    superseded = (predecessors.c.needs_renewal == 0) & predecessors.c.event_id.is_null(False)
    selects = {places: _select(places, predecessors, event).where(superseded) for places in _FLAGGED}
    return [_insert(places, select).on_conflict_replace() for places, select in selects.items()]


def renew_flags(database: Database, event_ids: Select) -> list[Node]:
    """The statements that tell the places of these events again whether they are current."""
    if not is_sqlite(database):
        return []
    listed = ScoredListing.id.in_(event_ids)
    selects = {places: _select(places, ScoredListing, _EVENT).where(listed) for places in _FLAGGED}
    return [_insert(places, select).on_conflict_replace() for places, select in selects.items()]


def leave_changes(database: Database, event_ids: Select) -> list[Node]:
    """The statements that take these events from their places among changes, for as long as they say which."""
    if not is_sqlite(database):
        return []
    key = ChangeByStep._meta.get_primary_keys()
    places = ScoredListing.select(*(_EVENT[field.column_name] for field in key))
    return [ChangeByStep.delete().where(Tuple(*key).in_(places.where(ScoredListing.id.in_(event_ids))))]


def enter_changes(database: Database, event_ids: Select) -> list[Node]:
    """The statements that give these events their places among changes."""
    if not is_sqlite(database):
        return []
    changed = ScoredListing.id.in_(event_ids) & ScoredListing.change_step.is_null(False)
    return [_insert(ChangeByStep, _select(ChangeByStep, ScoredListing, _EVENT).where(changed))]


def places_due(database: Database) -> Iterator[tuple[str, Select, Select]]:
    """Of each table of places: its name, the rows that it has, and those that the events make it, byte for byte."""
    for places in SQLITE_MODELS if is_sqlite(database) else ():
        columns = places._meta.columns
        stored = places.select(*(exactly(database, column) for column in columns.values()))
        due = ScoredListing.select(*(exactly(database, _EVENT[name]) for name in columns))
        if places is ChangeByStep:
            due = due.where(ScoredListing.change_step.is_null(False))
        yield places._meta.table_name, stored, due


def _select(places: type[Model], source: Any, values: Mapping[str, Any]) -> Any:
    """What stands at the places, in their order."""
    key = [values[field.column_name] for field in places._meta.get_primary_keys()]
    return source.select(*(values[name] for name in places._meta.columns)).order_by(*key)


def _insert(places: type[Model], rows: Any) -> Any:
    return places.insert_from(rows, [*places._meta.columns.values()])
