"""Offers that complete files no longer list, and offers that were listed again, latest first: read
from the tables that have both for the archive's whole history."""

from typing import Any

from peewee import Database, Select

from glyphd.contracts.change_queries import DeltaQuery
from glyphd.db.absence_models import OfferBack, OfferGone
from glyphd.db.archive_models import ScoredListing
from glyphd.storage.predicates import restrict

OFFER_FILTERS = {"model", "region", "seller"}


def gone_offers(database: Database, query: DeltaQuery) -> Select:
    """Query for the moments, the ids of the last observations, and the ids of the complete files.
    The filters by time and import apply to the files."""
    found = OfferGone.select(OfferGone.gone_at, OfferGone.event_id, OfferGone.import_id)
    if query.after is not None:
        found = found.where(OfferGone.gone_at > query.after)
    if query.before is not None:
        found = found.where(OfferGone.gone_at < query.before)
    if query.import_id:
        found = found.where(OfferGone.import_id.in_(query.import_id))
    return _of_offers(database, query, found, OfferGone)


def returned_offers(database: Database, query: DeltaQuery) -> Select:
    """Query for the moments and ids of the observations of offers that were gone before."""
    found = OfferBack.select(OfferBack.seen_at, OfferBack.event_id)
    if query.after is not None:
        found = found.where(OfferBack.seen_at > query.after)
    if query.before is not None:
        found = found.where(OfferBack.seen_at < query.before)
    return _of_offers(database, query, found, OfferBack)


def _of_offers(database: Database, query: DeltaQuery, found: Select, table: Any) -> Select:
    wanted = query.model_dump(include=OFFER_FILTERS)
    if not any(wanted.values()):
        return found
    joined = found.join(ScoredListing, on=(ScoredListing.id == table.event_id))
    return restrict(joined, database, wanted)
