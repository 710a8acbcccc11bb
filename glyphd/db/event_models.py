"""Peewee models of the event feed, which is in the registry."""

from peewee import SQL, BigIntegerField, IntegerField, Model, TextField

from glyphd.db.fields import JsonTextField, TimeTextField


class FeedEvent(Model):
    """One event of the feed. It never changes."""

    id = BigIntegerField(primary_key=True)
    kind = TextField()
    occurred_at = TimeTextField()
    job_id = IntegerField()
    attempt = IntegerField()
    data = JsonTextField()
    subject = TextField(default="", constraints=[SQL("DEFAULT ''")])

    class Meta:
        table_name = "events"


FeedEvent.add_index(
    FeedEvent.index(
        FeedEvent.job_id,
        FeedEvent.kind,
        FeedEvent.attempt,
        FeedEvent.subject,
        unique=True,
        name="events_by_job",
    )
)
FeedEvent.add_index(FeedEvent.index(FeedEvent.kind, FeedEvent.id, name="events_by_kind"))


class EventFeed(Model):
    """One row: how far the feed goes. A transaction that adds an event changes it first."""

    id = IntegerField(primary_key=True)
    last_event_id = BigIntegerField()
    pruned_event_id = BigIntegerField()

    class Meta:
        table_name = "event_feed"
