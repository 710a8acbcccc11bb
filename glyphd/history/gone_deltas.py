"""Offers that complete files no longer list, and offers that were listed again, latest first.

An offer is gone at the moment of the first complete file of its source that does not list it,
however often it is missing afterwards.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from peewee import SQL, Database, Select, fn

from glyphd.contracts.change_queries import DeltaQuery
from glyphd.db.archive_models import ImportBatch, ScoredListing, Standing
from glyphd.storage.complete_files import IS_COMPLETE
from glyphd.storage.knowledge import Knowledge
from glyphd.storage.offers import fold_source, is_observation, previous_observation
from glyphd.storage.predicates import restrict
from glyphd.storage.timelines import TIMELINE

Position = tuple[str, int]
"""The moment and the id of an event."""

OFFER_FILTERS = {"model", "region", "seller"}
_LISTED = ScoredListing.alias("listed_there")
_LATER = ScoredListing.alias("seen_later")
_BEFORE = ScoredListing.alias("seen_before")
_FILE, _SOURCE = ImportBatch.alias("file_between"), ImportBatch.alias("batch_before")
_COUNTS = ImportBatch.rolled_back_at.is_null()


@dataclass(frozen=True)
class CompleteFile:
    """A complete file that counts."""

    import_id: str
    source: str
    complete_at: str


class GoneDeltas:
    """The offers that left the market, for one query. The caller holds the connection."""

    def __init__(self, database: Database, query: DeltaQuery, known: Knowledge) -> None:
        self._database = database
        self._query = query
        self._known = known

    def after(self, position: Position | None, limit: int) -> list[tuple[str, int, str]]:
        """The next ones after a position, the latest first: the moment, the id of the last
        observation, and the id of the complete file."""
        found: list[tuple[str, int, str]] = []
        files = self._files()
        for complete_at, same in groupby(files, key=lambda file: file.complete_at):
            if position is not None and complete_at > position[0]:
                continue
            below = position[1] if position is not None and complete_at == position[0] else None
            left = [
                (complete_at, event_id, file.import_id)
                for file in same
                if self._is_wanted(file)
                for event_id in self._left_out(file, _file_before(files, file), below, limit)
            ]
            found += sorted(left, reverse=True)
            if len(found) >= limit:
                break
        return found[:limit]

    def _files(self) -> list[CompleteFile]:
        query = (
            ImportBatch.select(
                ImportBatch.import_id, fold_source(ImportBatch.source), ImportBatch.complete_at
            )
            .where(IS_COMPLETE, _COUNTS)
            .order_by(ImportBatch.complete_at.desc(), ImportBatch.id.desc())
        )
        return [CompleteFile(*row) for row in self._database.execute(query).fetchall()]

    def _is_wanted(self, file: CompleteFile) -> bool:
        asked = self._query
        return (
            (asked.after is None or file.complete_at > asked.after)
            and (asked.before is None or file.complete_at < asked.before)
            and (not asked.import_id or file.import_id in asked.import_id)
        )

    def _left_out(
        self, file: CompleteFile, earlier: CompleteFile | None, below: int | None, limit: int
    ) -> Iterator[int]:
        """The ids of the last observations of what was there before the file and is not in it, the
        highest first: import by import of the same source."""
        batches = ImportBatch.select(ImportBatch.import_id).where(
            fold_source(ImportBatch.source) == file.source,
            _COUNTS,
            ImportBatch.import_id != file.import_id,
        )
        if earlier is not None:
            batches = batches.where(ImportBatch.last_seen_at >= earlier.complete_at)
        for (import_id,) in self._database.execute(batches.order_by(ImportBatch.id.desc())):
            if limit <= 0:
                return
            query = self._left_out_of(import_id, file, earlier)
            query = query if below is None else query.where(ScoredListing.id < below)
            for (event_id,) in self._database.execute(query.limit(limit)).fetchall():
                limit -= 1
                yield event_id

    def _left_out_of(
        self, import_id: str, file: CompleteFile, earlier: CompleteFile | None
    ) -> Select:
        """The same among the rows of one import, in the order of its file."""
        followed = _LATER.select(SQL("1")).where(
            _LATER.first_event_id == ScoredListing.first_event_id,
            _LATER.seen_at.between(ScoredListing.seen_at, file.complete_at),
            (_LATER.seen_at > ScoredListing.seen_at) | (_LATER.id > ScoredListing.id),
            is_observation(_LATER),
            *self._known.counting(_LATER),
        )
        query = ScoredListing.select(ScoredListing.id).where(
            ScoredListing.import_id == import_id,
            ScoredListing.standing == Standing.LAST.value,
            ScoredListing.is_indistinct == 0,
            ScoredListing.seen_at < file.complete_at,
            ~fn.EXISTS(_listed_in(file.import_id)),
            ~fn.EXISTS(followed),
        )
        if earlier is not None:
            was_there = ScoredListing.seen_at >= earlier.complete_at
            query = query.where(was_there | fn.EXISTS(_listed_in(earlier.import_id)))
        wanted = self._query.model_dump(include=OFFER_FILTERS)
        return restrict(query, self._database, wanted).order_by(ScoredListing.import_index)


def returned_events(database: Database, query: DeltaQuery, known: Knowledge) -> Select:
    """Query for the moments and ids of the events whose offer was gone before them."""
    events = ScoredListing.select(ScoredListing.seen_at, ScoredListing.id).from_(TIMELINE)
    between = (
        _FILE.select(_FILE.import_id)
        .join(_SOURCE, on=(fold_source(_SOURCE.source) == fold_source(_FILE.source)))
        .where(
            _SOURCE.import_id == _BEFORE.import_id,
            _FILE.complete_at > _BEFORE.seen_at,
            _FILE.complete_at <= ScoredListing.seen_at,
            _FILE.rolled_back_at.is_null(),
            _FILE.import_id != ScoredListing.import_id,
        )
        .order_by(_FILE.complete_at.desc(), _FILE.id.desc())
        .limit(1)
    )
    was_left_out = ImportBatch.alias("latest_file_between")
    gone = was_left_out.select(SQL("1")).where(
        was_left_out.import_id == between, ~fn.EXISTS(_listed_in(was_left_out.import_id))
    )
    before = previous_observation(ScoredListing, known.counting)
    found = events.join(_BEFORE, on=(_BEFORE.id == before)).where(
        is_observation(), ScoredListing.is_indistinct == 0, _BEFORE.is_indistinct == 0
    )
    counting = known.counting(ScoredListing)
    found = found.where(*counting) if counting else found
    wanted = query.model_dump(include={*OFFER_FILTERS, "after", "before"})
    return restrict(found.where(fn.EXISTS(gone)), database, wanted)


def _file_before(files: Sequence[CompleteFile], file: CompleteFile) -> CompleteFile | None:
    """The complete file of the source before this one."""
    at = files.index(file)
    return next((one for one in files[at + 1 :] if one.source == file.source), None)


def _listed_in(import_id: Any) -> Any:
    """Query for rows of an import that list the event's offer."""
    return _LISTED.select(SQL("1")).where(
        _LISTED.first_event_id == ScoredListing.first_event_id, _LISTED.import_id == import_id
    )
