"""When offers were gone because a complete file did not list them, and which observations list them
again: over all of the archive's history. Each rule is stated only here.

An offer is gone at the moment of the first complete file of its source that does not list it,
however often it is missing afterwards. Of the files of a source for the same moment only the last
one counts.
"""

import json
from collections.abc import Iterator
from typing import Any

from peewee import JOIN, Database, Node, Select, fn

from glyphd.db.absence_models import OfferBack, OfferGone
from glyphd.db.archive_models import BatchChange, ImportBatch, ScoredListing
from glyphd.storage.complete_files import IS_COMPLETE
from glyphd.storage.knowledge import Knowledge
from glyphd.storage.offers import fold_source, is_observation, previous_observation
from glyphd.storage.timelines import TIMELINE

_KNOWN = Knowledge(has_rollbacks=True)
_COUNTS = ImportBatch.rolled_back_at.is_null()
_AFTER_ALL_TIMES = "~"

_BATCH = ImportBatch.alias("batch_of_event")
_FILE, _EARLIER = ImportBatch.alias("complete_file"), ImportBatch.alias("file_before")
_LISTED, _ROW = ScoredListing.alias("listed_there"), ScoredListing.alias("row_of_file")
_BEFORE = ScoredListing.alias("seen_before")

_GONE = (OfferGone.gone_at, OfferGone.event_id, OfferGone.import_id)
_BACK = (OfferBack.seen_at, OfferBack.event_id)


def offers_gone(*among: Any) -> Select:
    """The rows of `offers_gone` for last observations and complete files that meet these
    conditions."""
    until = fn.COALESCE(_next_seen(ScoredListing), _AFTER_ALL_TIMES)
    was_there = ScoredListing.seen_at >= _EARLIER.complete_at
    found: Select = (
        ScoredListing.select(_FILE.complete_at, ScoredListing.id, _FILE.import_id)
        .join(_BATCH, on=(_BATCH.import_id == ScoredListing.import_id))
        .join(_FILE, on=(fold_source(_FILE.source) == fold_source(_BATCH.source)))
        .join(_EARLIER, JOIN.LEFT_OUTER, on=(_EARLIER.id == _file_before(_FILE)))
        .where(_any_file(), *among)
        .where(_BATCH.rolled_back_at.is_null(), is_observation(), ScoredListing.is_indistinct == 0)
        .where(_FILE.complete_at > ScoredListing.seen_at, _FILE.complete_at < until)
        .where(*_speaks(_FILE), ~_lists(_FILE, ScoredListing))
        .where(_EARLIER.id.is_null() | was_there | _lists(_EARLIER, ScoredListing))
    )
    return found


def offers_back(*among: Any, in_time: bool = False) -> Select:
    """The rows of `offers_back` for the events that meet these conditions; `in_time`, if these are
    about `seen_at`."""
    source = ImportBatch.alias("batch_before")
    between = (
        _FILE.select(_FILE.id)
        .join(source, on=(fold_source(source.source) == fold_source(_FILE.source)))
        .where(source.import_id == _BEFORE.import_id)
        .where(_FILE.complete_at > _BEFORE.seen_at, _FILE.complete_at <= ScoredListing.seen_at)
        .where(_FILE.rolled_back_at.is_null(), _FILE.import_id != ScoredListing.import_id)
        .order_by(_FILE.complete_at.desc(), _FILE.id.desc())
        .limit(1)
    )
    latest = ImportBatch.alias("latest_file_between")
    left_out = latest.select(latest.id).where(
        latest.id == between,
        latest.import_id != _BEFORE.import_id,  # usual, so it need not be looked up
        ~_lists(latest, ScoredListing),
    )
    events = ScoredListing.select(ScoredListing.seen_at, ScoredListing.id)
    before = previous_observation(ScoredListing, _KNOWN.counting)
    found: Select = (
        (events.from_(TIMELINE) if in_time else events)
        .join(_BEFORE, on=(_BEFORE.id == before))
        .where(_any_file(), *among, *_KNOWN.counting(ScoredListing))
        .where(is_observation(), ScoredListing.is_indistinct == 0, _BEFORE.is_indistinct == 0)
        .where(fn.EXISTS(left_out))
    )
    return found


def add_gone(*among: Any) -> Node:
    """The statement that adds these rows to the table."""
    statement: Node = OfferGone.insert_from(offers_gone(*among), _GONE)
    return statement


def add_back(*among: Any, in_time: bool = False) -> Node:
    """The same for the offers that are back."""
    statement: Node = OfferBack.insert_from(offers_back(*among, in_time=in_time), _BACK)
    return statement


def renew_after_file(database: Database, import_id: str) -> Iterator[Node]:
    """The statements that recompute what follows from a complete file after it was written, rolled
    back or restored: what is gone at its moment and at that of its source's next file, and what is
    back between these. Each is executed before the next one is built."""
    file = _find(database, ImportBatch.import_id == import_id)
    if file is None:
        return
    of_source = (IS_COMPLETE, fold_source(ImportBatch.source) == file.folded)
    after = _find(database, *of_source, _COUNTS, ImportBatch.complete_at > file.complete_at)
    moments = [file.complete_at, *([after.complete_at] if after else [])]
    files = ImportBatch.select(ImportBatch.import_id).where(*of_source)
    yield OfferGone.delete().where(OfferGone.gone_at.in_(moments), OfferGone.import_id.in_(files))
    for moment in moments:
        at_once = ImportBatch.complete_at == moment
        speaking = _find(database, *of_source, _COUNTS, at_once, is_last=True)
        if speaking is not None:
            yield from _add_left_out(database, speaking)
    yield OfferBack.delete().where(_is_between(OfferBack.seen_at, moments))
    yield add_back(_is_between(ScoredListing.seen_at, moments), in_time=True)


def _is_between(time: Any, moments: list[str]) -> Any:
    return time >= moments[0] if len(moments) == 1 else time.between(*moments)


def _find(database: Database, *conditions: Any, is_last: bool = False) -> Any:
    """The first complete file that meets these conditions, or the last one; None if there is
    none."""
    order = (ImportBatch.complete_at, ImportBatch.id)
    query = ImportBatch.select(
        ImportBatch.id,
        ImportBatch.import_id,
        ImportBatch.complete_at,
        ImportBatch.result,
        fold_source(ImportBatch.source).alias("folded"),
    ).where(IS_COMPLETE, *conditions)
    query = query.order_by(*(key.desc() if is_last else key for key in order))
    return query.limit(1).bind(database).first()


def _add_left_out(database: Database, file: Any) -> Iterator[Node]:
    """Adds what a file makes gone: this can only be what its source has seen since the previous
    file, or later observations of what that file lists."""
    of_source = (fold_source(ImportBatch.source) == file.folded, _COUNTS)
    batches = ImportBatch.select(ImportBatch.import_id).where(*of_source, ImportBatch.id != file.id)
    earlier = _find(database, *of_source, ImportBatch.complete_at < file.complete_at, is_last=True)
    of_file = [_FILE.id == file.id]
    later = ScoredListing.select(ScoredListing.id).from_(TIMELINE)
    later = later.where(ScoredListing.seen_at > file.complete_at).limit(1)
    if database.execute(later).fetchone() is None:
        of_file.append(ScoredListing.is_current == 1)  # the latest observation of distinct offers
    if earlier is None:
        yield add_gone(*of_file, ScoredListing.import_id.in_(batches))
        return
    listed_before = ScoredListing.id.between(*_ids_of(earlier))  # all in stored order
    yield add_gone(*of_file, listed_before)
    since = batches.where(
        ImportBatch.last_seen_at >= earlier.complete_at, ImportBatch.id != earlier.id
    )
    yield add_gone(*of_file, ScoredListing.import_id.in_(since))
    older = batches.where(ImportBatch.last_seen_at < earlier.complete_at)
    if _may_list_late(database, earlier, older):
        listed_late = (
            _LISTED.select(_ROW.id)
            .join(_ROW, on=(_ROW.first_event_id == _LISTED.first_event_id))
            .where(_LISTED.import_id == earlier.import_id, _ROW.seen_at >= _LISTED.seen_at)
            .where(_ROW.import_id.in_(older))
        )
        yield add_gone(*of_file, ScoredListing.id.in_(listed_late))


def _may_list_late(database: Database, file: Any, older: Select) -> bool:
    """Whether imports without observations after the file's moment may still have later ones of
    what it lists: an import that came afterwards, one that was rolled back meanwhile, or any import
    if the file had older rows than were known."""
    effect = json.loads(file.result).get("effect") or {}
    if effect.get("older", 1):
        return True
    changed = BatchChange.select(BatchChange.import_id)
    out_of_order = (ImportBatch.id > file.id) | ImportBatch.import_id.in_(changed)
    return database.execute(older.where(out_of_order).limit(1)).fetchone() is not None


def _next_seen(event: Any) -> Any:
    """Query for the moment of the observation that follows the event."""
    later = ScoredListing.alias("seen_later")
    is_later = (later.seen_at > event.seen_at) | (later.id > event.id)
    same = (later.first_event_id == event.first_event_id) & (later.seen_at >= event.seen_at)
    found = later.select(later.seen_at).where(
        same, is_later, is_observation(later), *_KNOWN.counting(later)
    )
    return found.order_by(later.seen_at).limit(1)


def _any_file() -> Any:
    """Condition: there are complete files at all. If there are none, no event is read."""
    some = ImportBatch.alias("some_file")
    return fn.EXISTS(
        some.select(some.id).where(some.complete_at.is_null(False), some.rolled_back_at.is_null())
    )


def _speaks(file: Any) -> list[Any]:
    """Conditions: the complete file counts, and no later one of its source is for its moment."""
    other = ImportBatch.alias("later_file")
    same = (other.complete_at == file.complete_at) & (other.id > file.id)
    of_source = fold_source(other.source) == fold_source(file.source)
    later = other.select(other.id).where(same, of_source, other.rolled_back_at.is_null())
    return [file.rolled_back_at.is_null(), ~fn.EXISTS(later)]


def _file_before(file: Any) -> Any:
    """Query for the previous complete file of the source."""
    other = ImportBatch.alias("earlier_file")
    of_source = fold_source(other.source) == fold_source(file.source)
    earlier = other.select(other.id).where(
        other.complete_at < file.complete_at, of_source, other.rolled_back_at.is_null()
    )
    return earlier.order_by(other.complete_at.desc(), other.id.desc()).limit(1)


def _lists(file: Any, event: Any) -> Any:
    """Condition: a row of the file is an observation of the event's listing. The ids of its rows
    are in the index of listings, so that no event is read."""
    same = _LISTED.first_event_id == event.first_event_id
    return fn.EXISTS(_LISTED.select(_LISTED.id).where(same, _LISTED.id.between(*_ids_of(file))))


def _ids_of(file: Any) -> tuple[Any, Any]:
    """The lowest and the highest id of the events in the file; no other import has ids between
    these."""
    return _id_of(file, _ROW.import_index.desc()), _id_of(file, _ROW.import_index)


def _id_of(file: Any, order: Any) -> Any:
    return _ROW.select(_ROW.id).where(_ROW.import_id == file.import_id).order_by(order).limit(1)
