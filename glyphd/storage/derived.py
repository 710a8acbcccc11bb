"""What is derived from a listing's events: which one is current, which say nothing about a single offer, and how each
follows the one before.

An import that only adds the latest observations needs none of this; a rollback, a restore and observations that come
late do. The outcome depends on the events that count alone, never on the order in which things happened.
"""

from typing import Any

from peewee import Case, Database, Table, fn

from glyphd.db.archive_models import ImportBatch, ListingKey, ScoredListing
from glyphd.db.dialects import is_sqlite
from glyphd.storage.knowledge import Knowledge
from glyphd.storage.offers import gone_at, identity_of, is_indistinct, is_observation, thread_of
from glyphd.storage.orders import enter_changes, leave_changes, renew_flags
from glyphd.storage.steps import step_between

LISTINGS = "renewed_listings"
TABLE = "renewed_events"
DERIVED = ("is_current", "is_indistinct", "change_step")
_COLUMNS = ("event_id", "listing_id", "is_latest", *DERIVED)
_ALL_ROLLBACKS = Knowledge(has_rollbacks=True)
_listings = Table(LISTINGS)
_renewed = Table(TABLE)


def renew(database: Database, first_event_ids: Any) -> None:
    """Derives flags, change steps and keys of the listings that the query gives the first events of, and of the other
    offers in their groups.

    Runs in the caller's transaction.
    """
    _create_tables(database)
    for statement in _statements(database, first_event_ids):
        database.execute(statement)
    for table in (TABLE, LISTINGS):
        database.execute_sql(f"DROP TABLE {table}")


def observations(first_event_ids: Any | None = None, known: Knowledge = _ALL_ROLLBACKS) -> Any:
    """Every event of the listings (None: of all) with what is derived from the events that count, as far as `known`.

    Columns `event_id`, `listing_id`, `is_latest`, `is_current`, `is_indistinct`, `change_step`. An event of an import
    that was rolled back counts for nothing, and so does a row that repeats another. All offers of a group have to be
    among the listings.
    """
    found = _followed(_judged(first_event_ids, known))
    step = step_between(_Earlier(found.c.earlier_price, found.c.earlier_score), found.c)
    is_compared = (found.c.counts == 1) & (found.c.is_indistinct == 0) & (found.c.earlier_indistinct == 0)
    is_latest = (found.c.counts == 1) & found.c.next_id.is_null()
    is_gone = gone_at(found.c, known.counting).is_null(False)
    return found.select_from(
        found.c.id.alias("event_id"),
        found.c.listing_id.alias("listing_id"),
        Case(None, [(is_latest, 1)], 0).alias("is_latest"),
        Case(None, [(~is_latest, 0), (found.c.group_id.is_null(), 1), (is_gone, 0)], 1).alias("is_current"),
        found.c.is_indistinct.alias("is_indistinct"),
        Case(None, [(is_compared, step)], None).alias("change_step"),
    )


def _judged(first_event_ids: Any | None, known: Knowledge) -> Any:
    """The events, whether each counts, whether it is indistinct, and which others it is compared with."""
    event, batch = ScoredListing.alias("event"), ImportBatch.alias("batch")
    counts = known.counts(event) & is_observation(event)
    indistinct = is_indistinct(event, batch.source, known.counting)
    names = ("id", "import_id", "listing_id", "first_event_id", "group_id", "ordinal", "seen_at", "observed_at")
    query = event.select(
        *(getattr(event, name).alias(name) for name in (*names, "price_usd", "score")),
        Case(None, [(counts, 1)], 0).alias("counts"),
        Case(None, [(indistinct, 1)], 0).alias("is_indistinct"),
        thread_of(event, batch.source).alias("thread"),
    ).join(batch, on=(batch.import_id == event.import_id))
    return query if first_event_ids is None else query.where(event.first_event_id.in_(first_event_ids))


def _followed(judged: Any) -> Any:
    """The events with the one that follows in their listing, and the one before in their thread."""
    event = judged.alias("judged")
    names = ("id", "import_id", "listing_id", "group_id", "ordinal", "seen_at", "observed_at", "price_usd", "score")
    in_listing = {
        "partition_by": [event.c.first_event_id, event.c.counts],
        "order_by": [event.c.seen_at, event.c.id],
    }
    in_thread = in_listing | {"partition_by": [event.c.first_event_id, event.c.counts, event.c.thread]}
    query = event.select_from(
        *(getattr(event.c, name).alias(name) for name in names),
        event.c.counts,
        event.c.is_indistinct,
        fn.LEAD(event.c.id).over(**in_listing).alias("next_id"),
        fn.LAG(event.c.price_usd).over(**in_thread).alias("earlier_price"),
        fn.LAG(event.c.score).over(**in_thread).alias("earlier_score"),
        fn.LAG(event.c.is_indistinct).over(**in_thread).alias("earlier_indistinct"),
    )
    return query.alias("found")


class _Earlier:
    def __init__(self, price_usd: Any, score: Any) -> None:
        self.price_usd = price_usd
        self.score = score


def _create_tables(database: Database) -> None:
    integer, blob = ("INTEGER", "BLOB") if is_sqlite(database) else ("BIGINT", "BYTEA")
    tables = {
        LISTINGS: f"first_event_id {integer} PRIMARY KEY",
        TABLE: f"event_id {integer} PRIMARY KEY, listing_id {blob}, is_latest {integer}, is_current {integer},"
        f" is_indistinct {integer}, change_step {integer}",
    }
    for table, columns in tables.items():
        database.execute_sql(f"DROP TABLE IF EXISTS {table}")
        database.execute_sql(f"CREATE TEMPORARY TABLE {table} ({columns})")


def _find_listings(first_event_ids: Any) -> list[Any]:
    """The statements that fill the table of listings: the first offers of the identities, then the other ones."""
    event, offer = ScoredListing.alias("event"), ScoredListing.alias("offer")
    first = event.select(identity_of(event)).where(event.id.in_(first_event_ids)).distinct()
    others = offer.select(offer.first_event_id).where(offer.group_id.in_(_listings.select(_listings.c.first_event_id)))
    return [_listings.insert(query, columns=[_listings.c.first_event_id]) for query in (first, others.distinct())]


def _statements(database: Database, first_event_ids: Any) -> list[Any]:
    """In order; from the deletion on they see only the events that change."""
    changing = _renewed.select(_renewed.c.event_id)
    return [
        *_find_listings(first_event_ids),
        _fill(),
        _renew_keys(),
        _forget_what_stays(),
        *leave_changes(database, changing),
        _renew_events(),
        *renew_flags(database, changing),
        *enter_changes(database, changing),
    ]


def _fill() -> Any:
    found = observations(_listings.select(_listings.c.first_event_id))
    return _renewed.insert(found, columns=[getattr(_renewed.c, name) for name in _COLUMNS])


def _forget_what_stays() -> Any:
    """Most of a listing's history stays as it is."""
    same = (ScoredListing.id == _renewed.c.event_id) & (ScoredListing.is_current == _renewed.c.is_current)
    same &= ScoredListing.is_indistinct == _renewed.c.is_indistinct
    same &= fn.COALESCE(ScoredListing.change_step, -1) == fn.COALESCE(_renewed.c.change_step, -1)
    return _renewed.delete().where(fn.EXISTS(ScoredListing.select(ScoredListing.id).where(same)))


def _renew_events() -> Any:
    """The list of ids tells SQLite to look these events up; it would go over all there are."""
    listed = ScoredListing.id.in_(_renewed.select(_renewed.c.event_id))
    values = {ScoredListing._meta.columns[name]: getattr(_renewed.c, name) for name in DERIVED}
    return ScoredListing.update(values).from_(_renewed).where((ScoredListing.id == _renewed.c.event_id) & listed)


def _renew_keys() -> Any:
    latest = fn.MAX(Case(None, [(_renewed.c.is_latest == 1, _renewed.c.event_id)], None)).alias("event_id")
    found = _renewed.select(_renewed.c.listing_id, latest).group_by(_renewed.c.listing_id).alias("found")
    values = {ListingKey.current_event_id: found.c.event_id}
    return ListingKey.update(values).from_(found).where(ListingKey.listing_id == found.c.listing_id)
