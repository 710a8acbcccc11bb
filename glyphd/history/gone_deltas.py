"""Offers that complete files no longer list, and offers that were listed again, latest first.

An offer is gone at the moment of the first complete file of its source that does not list it,
however often it is missing afterwards.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import Any

from peewee import SQL, Database, Select, fn

from glyphd.contracts.change_queries import DeltaQuery
from glyphd.db.archive_models import BatchChange, ImportBatch, ScoredListing
from glyphd.history.matching import event_range
from glyphd.storage.complete_files import IS_COMPLETE
from glyphd.storage.knowledge import Knowledge
from glyphd.storage.offers import fold_source, is_observation, previous_observation
from glyphd.storage.predicates import restrict
from glyphd.storage.timelines import TIMELINE

Position = tuple[str, int]
"""The moment and the id of an event."""

GoneDelta = tuple[str, int, str]
"""The moment, the id of the last observation, and the id of the complete file."""

OFFER_FILTERS = {"model", "region", "seller"}
_LISTED = ScoredListing.alias("listed_there")
_LATER = ScoredListing.alias("seen_later")
_BEFORE = ScoredListing.alias("seen_before")
_FILE, _SOURCE = ImportBatch.alias("file_between"), ImportBatch.alias("batch_before")
_COUNTS = ImportBatch.rolled_back_at.is_null()


@dataclass(frozen=True)
class CompleteFile:
    """A complete file that counts; `result` is what its import found, as JSON."""

    batch_id: int
    import_id: str
    source: str
    complete_at: str
    result: str


class GoneDeltas:
    """The offers that left the market, for one query. The caller holds the connection."""

    def __init__(self, database: Database, query: DeltaQuery, known: Knowledge) -> None:
        self._database = database
        self._query = query
        self._known = known
        self._ranges: dict[str, tuple[int, int] | None] = {}

    def after(self, position: Position | None, limit: int) -> list[GoneDelta]:
        """The next ones after a position, the latest first."""
        found: list[GoneDelta] = []
        files = self._files()
        for file, below in self._files_after(files, position):
            if len(found) >= limit and file.complete_at < found[-1][0]:
                break
            left = self._left_out(file, _file_before(files, file), below, limit)
            found += [(file.complete_at, event_id, file.import_id) for event_id in left]
        return sorted(found, reverse=True)[:limit]

    def _files_after(
        self, files: Sequence[CompleteFile], position: Position | None
    ) -> list[tuple[CompleteFile, int | None]]:
        """The wanted files that can have something after a position, and below which id."""
        wanted = [file for file in files if self._is_wanted(file)]
        if position is None:
            return [(file, None) for file in wanted]
        moment, event_id = position
        here = [(file, event_id) for file in wanted if file.complete_at == moment and event_id > 1]
        return [*here, *((file, None) for file in wanted if file.complete_at < moment)]

    def _files(self) -> list[CompleteFile]:
        """The complete files that count, the latest first; of those of a source for the same moment
        the last one."""
        query = (
            ImportBatch.select(
                ImportBatch.id,
                ImportBatch.import_id,
                fold_source(ImportBatch.source),
                ImportBatch.complete_at,
                ImportBatch.result,
            )
            .where(IS_COMPLETE, _COUNTS)
            .order_by(ImportBatch.complete_at.desc(), ImportBatch.id.desc())
        )
        files = [CompleteFile(*row) for row in self._database.execute(query).fetchall()]
        latest: dict[tuple[str, str], CompleteFile] = {}
        for file in files:
            latest.setdefault((file.source, file.complete_at), file)
        return list(latest.values())

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
        highest first."""
        scans = [self._by_import(file, earlier, below, limit)]
        if earlier is not None and self._may_list_late(earlier):
            late = self._left_out_of(self._later_than_listed(file, earlier), file, earlier)
            scans.append(self._ids(late, below, limit))
        return islice(merge(*scans, reverse=True), limit)

    def _by_import(
        self, file: CompleteFile, earlier: CompleteFile | None, below: int | None, limit: int
    ) -> Iterator[int]:
        """Import by import of the same source, in the order of their files: of those that saw
        something since the file before."""
        batches = self._batches(file)
        if earlier is not None:
            batches = batches.where(ImportBatch.last_seen_at >= earlier.complete_at)
        rows = self._database.execute(batches.order_by(ImportBatch.id.desc())).fetchall()
        for (import_id,) in rows:
            ids = self._range_of(import_id) if limit > 0 else None
            if ids is not None and (below is None or ids[0] < below):
                query = self._left_out_of(ScoredListing.id.between(*ids), file, earlier)
                for event_id in self._ids(query, below, limit):
                    limit -= 1
                    yield event_id

    def _ids(self, query: Select, below: int | None, limit: int) -> Iterator[int]:
        query = query if below is None else query.where(ScoredListing.id < below)
        query = query.order_by(ScoredListing.id.desc())
        rows = self._database.execute(query.limit(limit)).fetchall()
        return (event_id for (event_id,) in rows)

    def _batches(self, file: CompleteFile) -> Select:
        """The imports of the file's source that count, without the file."""
        return ImportBatch.select(ImportBatch.import_id).where(
            fold_source(ImportBatch.source) == file.source,
            _COUNTS,
            ImportBatch.import_id != file.import_id,
        )

    def _may_list_late(self, file: CompleteFile) -> bool:
        """Whether some import that saw nothing after the file may still have later observations of
        what it lists: one that came afterwards, one that was rolled back meanwhile, or any if the
        file had older rows than were known."""
        effect = json.loads(file.result).get("effect") or {}
        if effect.get("older", 1):
            return True
        changed = BatchChange.select(BatchChange.import_id)
        out_of_order = (ImportBatch.id > file.batch_id) | ImportBatch.import_id.in_(changed)
        batches = self._batches(file).where(
            ImportBatch.last_seen_at < file.complete_at, out_of_order
        )
        return self._database.execute(batches.limit(1)).fetchone() is not None

    def _later_than_listed(self, file: CompleteFile, earlier: CompleteFile) -> Any:
        """Condition: the event is a later observation of what the file before lists, by an import
        that saw nothing after it."""
        later = ScoredListing.alias("later_than_listed")
        batches = self._batches(file).where(ImportBatch.last_seen_at < earlier.complete_at)
        found = (
            _LISTED.select(later.id)
            .join(later, on=(later.first_event_id == _LISTED.first_event_id))
            .where(_LISTED.import_id == earlier.import_id, later.seen_at >= _LISTED.seen_at)
            .where(later.import_id.in_(batches))
        )
        return ScoredListing.id.in_(found)

    def _is_listed_in(self, file: CompleteFile) -> Any:
        """Condition: a row of the file is an observation of the event's listing. The ids of its
        rows are in the index of listings, so that no event is read."""
        ids = self._range_of(file.import_id)
        if ids is None:
            return SQL("1 = 0")
        same = _LISTED.first_event_id == ScoredListing.first_event_id
        return fn.EXISTS(_LISTED.select(SQL("1")).where(same, _LISTED.id.between(*ids)))

    def _range_of(self, import_id: str) -> tuple[int, int] | None:
        if import_id not in self._ranges:
            self._ranges[import_id] = event_range(self._database, import_id)
        return self._ranges[import_id]

    def _left_out_of(self, among: Any, file: CompleteFile, earlier: CompleteFile | None) -> Select:
        """The ids of those that the file leaves out, among the events that meet a condition."""
        followed = _LATER.select(SQL("1")).where(
            _LATER.first_event_id == ScoredListing.first_event_id,
            _LATER.seen_at.between(ScoredListing.seen_at, file.complete_at),
            (_LATER.seen_at > ScoredListing.seen_at) | (_LATER.id > ScoredListing.id),
            is_observation(_LATER),
            *self._known.counting(_LATER),
        )
        query = ScoredListing.select(ScoredListing.id).where(
            among,
            is_observation(),
            ScoredListing.is_indistinct == 0,
            ScoredListing.seen_at < file.complete_at,
            ~self._is_listed_in(file),
            ~fn.EXISTS(followed),
        )
        if earlier is not None:
            was_there = ScoredListing.seen_at >= earlier.complete_at
            query = query.where(was_there | self._is_listed_in(earlier))
        return restrict(query, self._database, self._query.model_dump(include=OFFER_FILTERS))


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
    listed = _LISTED.select(SQL("1")).where(
        _LISTED.first_event_id == ScoredListing.first_event_id,
        _LISTED.import_id == was_left_out.import_id,
    )
    gone = was_left_out.select(SQL("1")).where(
        was_left_out.import_id == between,
        was_left_out.import_id != _BEFORE.import_id,  # usual, and it need not be looked up
        ~fn.EXISTS(listed),
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
