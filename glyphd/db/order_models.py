"""The orders in which events are read, for Peewee: tables on SQLite, indexes on PostgreSQL."""

from peewee import BigIntegerField, CompositeKey, DoubleField, Model, SmallIntegerField

from glyphd.db.archive_models import IS_CURRENT, ScoredListing
from glyphd.db.fields import CaselessTextField, TimeTextField

POSTGRESQL_INDEXES = (
    ScoredListing.index(
        ScoredListing.seen_at,
        ScoredListing.id,
        ScoredListing.is_current,
        name="scored_listings_by_time",
    ),
    ScoredListing.index(
        ScoredListing.model, ScoredListing.seen_at, name="scored_listings_current_by_model"
    ).where(IS_CURRENT),
    ScoredListing.index(
        ScoredListing.model,
        ScoredListing.seen_at,
        ScoredListing.id,
        name="scored_listings_capable",
    ).where(IS_CURRENT & ScoredListing.quantization_capacity_7b.is_null(False)),
    ScoredListing.index(
        ScoredListing.change_step,
        ScoredListing.seen_at,
        ScoredListing.id,
        ScoredListing.model,
        ScoredListing.region,
        name="scored_listings_changes",
    ).where(ScoredListing.change_step.is_null(False)),
)
"""The indexes that `scored_listings` has only on PostgreSQL; on SQLite SQLITE_MODELS replace
them."""


class EventByTime(Model):
    """The place of an event among all by time."""

    seen_at = TimeTextField()
    event_id = BigIntegerField()
    is_current = SmallIntegerField()

    class Meta:
        table_name = "events_by_time"
        primary_key = CompositeKey("seen_at", "event_id")
        without_rowid = True


class EventByModel(Model):
    """The place of an event among those of its model by time, with the values by which
    offers of a model are filtered."""

    model = CaselessTextField()
    seen_at = TimeTextField()
    event_id = BigIntegerField()
    is_current = SmallIntegerField()
    score = DoubleField()
    price_usd = DoubleField()

    class Meta:
        table_name = "events_by_model"
        primary_key = CompositeKey("model", "seen_at", "event_id")
        without_rowid = True


class ChangeByStep(Model):
    """The place of an event that changed something among those of its `change_step` by time."""

    change_step = SmallIntegerField()
    seen_at = TimeTextField()
    event_id = BigIntegerField()
    model = CaselessTextField()
    region = CaselessTextField(null=True)

    class Meta:
        table_name = "changes_by_step"
        primary_key = CompositeKey("change_step", "seen_at", "event_id")
        without_rowid = True


SQLITE_MODELS = (EventByTime, EventByModel, ChangeByStep)
"""Tables that the archive has only on SQLite."""
