"""The orders in which events are read: by time, by model and time, by change step and time.

PostgreSQL has an index for each. On SQLite each is a table, which `derived/orders` fills.
"""

from typing import Any

from peewee import Context, Database, Entity, Model, Source

from glyphd.db.archive_models import ScoredListing
from glyphd.db.dialects import is_sqlite
from glyphd.db.order_models import ChangeByStep, EventByModel, EventByTime


class InsteadOfEvents(Source):
    """A table or view that replaces `ScoredListing` in a query, and has the same columns."""

    def __init__(self, view: str) -> None:
        super().__init__()
        self._view = view

    def __sql__(self, ctx: Context) -> Any:
        alias = ctx.alias_manager[ScoredListing._meta.table]
        return ctx.sql(Entity(self._view)).literal(" AS ").sql(Entity(alias))


class Along(InsteadOfEvents):
    """Events in an order."""

    def __init__(self, view: str, order: type[Model]) -> None:
        super().__init__(view)
        self._order = order

    def alone(self, database: Database) -> "Along":
        """The order without its events, which is enough to count them by its own columns."""
        return Along(self._order._meta.table_name, self._order) if is_sqlite(database) else self


TIMELINE = Along("timeline", EventByTime)
"""All events by `seen_at`, then by id."""

MODEL_TIMELINE = Along("model_timeline", EventByModel)
"""All events by model, then by `seen_at` and id."""

CHANGE_TIMELINE = Along("change_timeline", ChangeByStep)
"""The events with a `change_step`, by that step, then by `seen_at` and id."""
