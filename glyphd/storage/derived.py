"""What is derived from a listing's events, made anew: which one is current, and how each follows the one before.

An import that only adds the latest observations needs none of this; a rollback, a restore and observations that come
late do. The outcome depends on the events that count alone, never on the order in which things happened.
"""

from typing import Any

from peewee import Case, Database, Table, fn

from glyphd.db.archive_models import ImportBatch, ListingKey, ScoredListing
from glyphd.db.dialects import is_sqlite
from glyphd.storage.orders import enter_changes, leave_changes, renew_flags
from glyphd.storage.steps import step_between

TABLE = "renewed_events"
_COLUMNS = ("event_id", "listing_id", "is_current", "change_step")
_renewed = Table(TABLE)


def renew(database: Database, first_event_ids: Any) -> None:
    """Makes flags, change steps and keys of the listings right: of those that the query gives the first events of.

    Runs in the caller's transaction.
    """
    _create_table(database)
    for statement in _statements(database, first_event_ids):
        database.execute(statement)
    database.execute_sql(f"DROP TABLE {TABLE}")


def observations(first_event_ids: Any | None = None) -> Any:
    """Every event of the listings (None: of all) with what is derived from the events that count.

    Columns `event_id`, `listing_id`, `is_current`, `change_step`. An event of an import that was rolled back counts
    for nothing.
    """
    event = ScoredListing.alias("event")
    counts = ImportBatch.rolled_back_at.is_null()
    observed = {"partition_by": [event.listing_id, counts], "order_by": [event.seen_at, event.id]}
    query = event.select(
        event.id,
        event.listing_id,
        event.price_usd,
        event.score,
        counts.alias("counts"),
        fn.LEAD(event.id).over(**observed).alias("next_id"),
        fn.LAG(event.price_usd).over(**observed).alias("earlier_price"),
        fn.LAG(event.score).over(**observed).alias("earlier_score"),
    ).join(ImportBatch, on=(ImportBatch.import_id == event.import_id))
    if first_event_ids is not None:
        query = query.where(event.first_event_id.in_(first_event_ids))
    found = query.alias("found")
    step = step_between(_Earlier(found.c.earlier_price, found.c.earlier_score), found.c)
    return found.select_from(
        found.c.id.alias("event_id"),
        found.c.listing_id.alias("listing_id"),
        Case(None, [(found.c.counts & found.c.next_id.is_null(), 1)], 0).alias("is_current"),
        Case(None, [(found.c.counts, step)], None).alias("change_step"),
    )


class _Earlier:
    def __init__(self, price_usd: Any, score: Any) -> None:
        self.price_usd = price_usd
        self.score = score


def _create_table(database: Database) -> None:
    integer, blob = ("INTEGER", "BLOB") if is_sqlite(database) else ("BIGINT", "BYTEA")
    database.execute_sql(f"DROP TABLE IF EXISTS {TABLE}")
    database.execute_sql(
        f"CREATE TEMPORARY TABLE {TABLE}"
        f" (event_id {integer} PRIMARY KEY, listing_id {blob}, is_current {integer}, change_step {integer})"
    )


def _statements(database: Database, first_event_ids: Any) -> list[Any]:
    """In order; from the third on they see only the events that change."""
    changing = _renewed.select(_renewed.c.event_id)
    return [
        _fill(first_event_ids),
        _renew_keys(),
        _forget_what_stays(),
        *leave_changes(database, changing),
        _renew_events(),
        *renew_flags(database, changing),
        *enter_changes(database, changing),
    ]


def _fill(first_event_ids: Any) -> Any:
    return _renewed.insert(observations(first_event_ids), columns=[getattr(_renewed.c, name) for name in _COLUMNS])


def _forget_what_stays() -> Any:
    """Most of a listing's history stays as it is."""
    same = (ScoredListing.id == _renewed.c.event_id) & (ScoredListing.is_current == _renewed.c.is_current)
    same &= fn.COALESCE(ScoredListing.change_step, -1) == fn.COALESCE(_renewed.c.change_step, -1)
    return _renewed.delete().where(fn.EXISTS(ScoredListing.select(ScoredListing.id).where(same)))


def _renew_events() -> Any:
    """The list of ids tells SQLite to look these events up; it would go over all there are."""
    listed = ScoredListing.id.in_(_renewed.select(_renewed.c.event_id))
    values = {ScoredListing.is_current: _renewed.c.is_current, ScoredListing.change_step: _renewed.c.change_step}
    return ScoredListing.update(values).from_(_renewed).where((ScoredListing.id == _renewed.c.event_id) & listed)


def _renew_keys() -> Any:
    current = fn.MAX(Case(None, [(_renewed.c.is_current == 1, _renewed.c.event_id)], None)).alias("event_id")
    found = _renewed.select(_renewed.c.listing_id, current).group_by(_renewed.c.listing_id).alias("found")
    values = {ListingKey.current_event_id: found.c.event_id}
    return ListingKey.update(values).from_(found).where(ListingKey.listing_id == found.c.listing_id)
