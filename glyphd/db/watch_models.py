"""Peewee models of watches and of what they found, which are in the registry."""

from peewee import (
    BigAutoField,
    BigIntegerField,
    DoubleField,
    IntegerField,
    Model,
    TextField,
)

from glyphd.db.fields import JsonTextField, TimeTextField


class Watch(Model):
    """A saved search that reports new or changed offers."""

    id = TextField(primary_key=True)
    name = TextField()
    filters = JsonTextField()
    condition = TextField()
    value = DoubleField(null=True)
    feed_secret = TextField()
    created_at = TimeTextField()
    created_by = TextField(null=True)

    class Meta:
        table_name = "watches"


class WatchMatch(Model):
    """One offer that a watch found. It is not visible before `event_id` is set."""

    id = BigAutoField()
    watch_id = TextField()
    job_id = IntegerField()
    listing_id = TextField()
    event_id = BigIntegerField(null=True)
    total = IntegerField()
    offer = JsonTextField()

    class Meta:
        table_name = "watch_matches"


WatchMatch.add_index(
    WatchMatch.index(
        WatchMatch.job_id,
        WatchMatch.watch_id,
        WatchMatch.listing_id,
        unique=True,
        name="watch_matches_once",
    )
)
WatchMatch.add_index(
    WatchMatch.index(
        WatchMatch.watch_id, WatchMatch.event_id, WatchMatch.id, name="watch_matches_by_watch"
    )
)
