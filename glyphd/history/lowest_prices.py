"""The lowest price of a model's events that count, and when it was first seen."""

from typing import Any

from peewee import Database, Node, Select, fn

from glyphd.db.archive_models import ScoredListing
from glyphd.db.dialects import caseless, is_sqlite
from glyphd.storage.knowledge import Knowledge
from glyphd.storage.timelines import MODEL_TIMELINE

LOWEST_COLUMNS = ("lowest_price", "lowest_at")


def lowest_in(event: Any, group: Any) -> list[Any]:
    """LOWEST_COLUMNS of an event: those of all selected events of its group."""
    window = {"partition_by": [group], "order_by": [event.price_usd, event.seen_at]}
    values = (event.price_usd, event.seen_at)
    return [
        fn.FIRST_VALUE(value).over(**window).alias(name)
        for name, value in zip(LOWEST_COLUMNS, values, strict=True)
    ]


def lowest_by_model(database: Database, known: Knowledge, *of_models: Node) -> Select:
    """`key`, the model, and LOWEST_COLUMNS; `of_models` are conditions on the model of
    `ScoredListing`.

    The events are read twice, for the prices and for the times: sorting them takes ten times as
    long. PostgreSQL has no index of all events by model, so it finds those of some models by their
    listings.
    """
    key: Any = caseless(database, ScoredListing.model)
    counting = known.counting(ScoredListing)
    events = MODEL_TIMELINE if counting else MODEL_TIMELINE.alone(database)
    conditions = [*counting, *of_models]
    if of_models and not is_sqlite(database):
        listings = ScoredListing.select(ScoredListing.first_event_id).from_(MODEL_TIMELINE)
        listings = listings.where(known.is_current("include"), *of_models)
        conditions.append(ScoredListing.first_event_id.in_(listings))
    prices = ScoredListing.select(
        key.alias("key"), fn.MIN(ScoredListing.price_usd).alias("lowest_price")
    )
    prices = prices.from_(events).where(True, *conditions).group_by(key)
    lowest = prices.alias("lowest_of_model")
    of_lowest = (lowest.c.key, lowest.c.lowest_price)
    at_lowest = (key == lowest.c.key) & (ScoredListing.price_usd == lowest.c.lowest_price)
    found: Select = (
        ScoredListing.select(*of_lowest, fn.MIN(ScoredListing.seen_at).alias("lowest_at"))
        .from_(events, lowest)
        .where(at_lowest, *conditions)
        .group_by(*of_lowest)
    )
    return found
