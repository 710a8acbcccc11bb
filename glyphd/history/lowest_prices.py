"""The lowest price of a model's events that count, and when it was first seen."""

from typing import Any

from peewee import Database, FieldAlias, Node, Select, fn

from glyphd.db.archive_models import ScoredListing
from glyphd.db.dialects import caseless
from glyphd.storage.knowledge import Knowledge
from glyphd.storage.timelines import MODEL_TIMELINE

LOWEST_COLUMNS = ("lowest_price", "lowest_at")
_EVENT = ScoredListing.alias("priced_event")


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

    The events of some models are found by their listings: PostgreSQL has no index of all events by
    model.
    """
    own_model = FieldAlias.create(_EVENT, ScoredListing.model)  # an alias has its own `model`
    key: Any = caseless(database, own_model)
    order = [_EVENT.price_usd, _EVENT.seen_at]
    rank = fn.ROW_NUMBER().over(partition_by=[key], order_by=order)
    values = zip(LOWEST_COLUMNS, (_EVENT.price_usd, _EVENT.seen_at), strict=True)
    named = [value.alias(name) for name, value in values]
    query: Any = _EVENT.select(key.alias("key"), *named, rank.alias("rank"))
    if of_models:
        listings = ScoredListing.select(ScoredListing.first_event_id).from_(MODEL_TIMELINE)
        listings = listings.where(known.is_current("include"), *of_models)
        query = query.where(_EVENT.first_event_id.in_(listings))
    for condition in known.counting(_EVENT):
        query = query.where(condition)
    ranked = query.alias("ranked_price")
    columns = [getattr(ranked.c, name) for name in ("key", *LOWEST_COLUMNS)]
    lowest: Select = ranked.select_from(*columns).where(ranked.c.rank == 1)
    return lowest
