"""Which offers are gone because a complete file of their source does not list them. Each rule is
stated only here.

A complete file lists everything that its source offers at one moment, its `complete_at`. For each
source, the counting file that is complete for the latest moment decides what is gone; of files for
the same moment, the later import.
"""

from typing import Any

from peewee import SQL, Select, Table, fn

from glyphd.db.archive_models import ImportBatch, ScoredListing
from glyphd.db.complete_models import CompleteSource
from glyphd.storage.offers import fold_source

COLUMNS = ("source", "import_id", "complete_at", "first_id", "last_id")
"""The facts about the latest complete file of a source."""

IS_COMPLETE = ImportBatch.complete_at.is_null(False)

_OWN_BATCH = ImportBatch.alias("batch_of_event")
_LISTED = ScoredListing.alias("listed")
_EVENT = ScoredListing.alias("event_of_file")


def stored_files() -> Any:
    """The latest complete file of each source that has one, as stored for the present."""
    return Table(CompleteSource._meta.table_name).alias("latest_file")


def files_of(*counting: Any) -> Select:
    """The same, computed from the batches that meet these conditions; a query with COLUMNS."""
    source = fold_source(ImportBatch.source)
    rank = fn.ROW_NUMBER().over(
        partition_by=[source], order_by=[ImportBatch.complete_at.desc(), ImportBatch.id.desc()]
    )
    ranked = (
        ImportBatch.select(
            source.alias("source"),
            ImportBatch.import_id,
            ImportBatch.complete_at,
            rank.alias("rank"),
        )
        .where(IS_COMPLETE, *counting)
        .alias("ranked_file")
    )
    found: Select = ranked.select_from(
        ranked.c.source,
        ranked.c.import_id,
        ranked.c.complete_at,
        _id_of(ranked.c.import_id, _EVENT.import_index.desc()).alias("first_id"),
        _id_of(ranked.c.import_id, _EVENT.import_index.asc()).alias("last_id"),
    ).where(ranked.c.rank == 1)
    return found


def every_file(*counting: Any) -> Select:
    """All complete files, not just the latest, of the batches that meet these conditions; a query
    with COLUMNS."""
    found: Select = ImportBatch.select(
        fold_source(ImportBatch.source).alias("source"),
        ImportBatch.import_id,
        ImportBatch.complete_at,
        _id_of(ImportBatch.import_id, _EVENT.import_index.desc()).alias("first_id"),
        _id_of(ImportBatch.import_id, _EVENT.import_index.asc()).alias("last_id"),
    ).where(IS_COMPLETE, *counting)
    return found


def left_out_at(event: Any, files: Any, source: Any = None) -> Any:
    """Expression: the moment since which the event's listing is gone, because the latest complete
    file of the event's source is complete for a later moment and does not list it; else null.

    `files` are those of `stored_files` or `files_of`. A file lists an offer if any of its rows
    does, even if the event is another one: ids are looked up only in the index of listings.
    `source` is that of the event, folded, if its import is not in the archive yet.
    """
    is_listed = _LISTED.select(SQL("1")).where(
        _LISTED.first_event_id == event.first_event_id,
        _LISTED.id.between(files.c.first_id, files.c.last_id),
    )
    is_later = (files.c.complete_at > event.seen_at) & ~fn.EXISTS(is_listed)
    if source is not None:
        return files.select(files.c.complete_at).where((files.c.source == source) & is_later)
    return (
        _OWN_BATCH.select(files.c.complete_at)
        .join(files, on=(files.c.source == fold_source(_OWN_BATCH.source)))
        .where((_OWN_BATCH.import_id == event.import_id) & is_later)
    )


def is_left_out(event: Any) -> Any:
    """Condition, for the present: the event's listing is gone because of a complete file. Listings
    in such a file itself, which are most of the market, are not looked up."""
    is_in_file = event.import_id.in_(CompleteSource.select(CompleteSource.import_id))
    return ~is_in_file & fn.EXISTS(left_out_at(event, stored_files()))


def _id_of(import_id: Any, order: Any) -> Any:
    """The first id of an import's events in this order; null if it has none."""
    return _EVENT.select(_EVENT.id).where(_EVENT.import_id == import_id).order_by(order).limit(1)
