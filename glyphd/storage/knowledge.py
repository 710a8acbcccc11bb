"""What the archive knows now, or knew at an earlier moment: which imports it had, and which of them
counted.

Two clocks are never mixed here: `as_of` and `imported_at` are the archive's, `seen_at` is the
market's.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from peewee import SQL, Case, Database, Node, NodeList, Select, fn

from glyphd.contracts.queries import Gone
from glyphd.db.archive_models import (
    IS_CURRENT,
    ROLLBACK,
    BatchChange,
    ImportBatch,
    ListingKey,
    ScoredListing,
)
from glyphd.db.compiled import compiled
from glyphd.db.complete_models import CompleteSource
from glyphd.db.dialects import hours_before
from glyphd.storage.complete_files import (
    IS_COMPLETE,
    every_file,
    files_of,
    is_left_out,
    left_out_at,
    stored_files,
)
from glyphd.storage.offers import all_of, fold_source, gone_at, is_observation
from glyphd.times import read_stored, utc_text

_NO_EVENT = -1
_BEFORE_ALL_TIMES = ""


@dataclass(frozen=True)
class Knowledge:
    """The present by default. `as_of` is stored time text; the other fields follow from it, see
    `knowledge_at`.

    `last_event_id` and `last_seen_at` bound the events of imports committed by then;
    `has_rollbacks` says whether any import did not count, `has_complete_files` whether one that
    counted was a complete file; `leaves_gone_out`, that no gone listing is requested.
    `supposed_out` is an import that is treated as rolled back, `supposed_in` one that is treated as
    restored.
    """

    as_of: str | None = None
    last_event_id: int | None = None
    last_seen_at: str | None = None
    has_rollbacks: bool = False
    has_complete_files: bool = False
    leaves_gone_out: bool = False
    supposed_out: str | None = None
    supposed_in: str | None = None

    def is_held(self, event: Any = ScoredListing) -> Any:
        """Condition: the archive had the event. None if that is always true."""
        return None if self.last_event_id is None else event.id <= self.last_event_id

    def counts(self, event: Any) -> Any:
        """Condition: the event's import counted. None if that is always true."""
        if not self.has_rollbacks:
            return None
        out = ImportBatch.select(ImportBatch.import_id).where(
            ImportBatch.rolled_back_at.is_null(False)
        )
        counts = event.import_id.not_in(out if self.as_of is None else _rolled_back_at(self.as_of))
        if self.supposed_out is not None:
            return counts & (event.import_id != self.supposed_out)
        return (
            counts if self.supposed_in is None else counts | (event.import_id == self.supposed_in)
        )

    def counting(self, event: Any) -> list[Any]:
        """The conditions that the archive had the event and that it counted; none if they are
        always true."""
        conditions = (self.is_held(event), self.counts(event))
        return [condition for condition in conditions if condition is not None]

    def is_current(self, gone: Gone = "exclude") -> Any:
        """Condition: the event was its listing's latest observation, and the offer has not become
        gone since; with `include` it may be gone, with `only` it must be."""
        in_group = ScoredListing.group_id.is_null(False)
        if self.as_of is None:
            kept = IS_CURRENT
            left_out_of_group = in_group & (ScoredListing.is_current == SQL("0")) & self.is_latest()
        else:
            left_out_since = gone_at(ScoredListing, self.counting)
            kept = self.is_latest() & left_out_since.is_null()
            left_out_of_group = self.is_latest() & in_group & left_out_since.is_null(False)
        if gone == "include":
            return kept | left_out_of_group
        if gone == "exclude":
            return kept & ~self._is_left_out() if self.has_complete_files else kept
        if self.has_complete_files:
            return (kept & self._is_left_out()) | left_out_of_group
        return left_out_of_group

    def is_latest(self) -> Any:
        """Condition: the event was its listing's latest observation by `seen_at`; of equal ones,
        that of the later import."""
        if self.as_of is None:
            latest = ListingKey.select(ListingKey.current_event_id)
            return ScoredListing.id == latest.where(
                ListingKey.listing_id == ScoredListing.listing_id
            )
        later = ScoredListing.alias("later")
        is_later = (later.seen_at > ScoredListing.seen_at) | (later.id > ScoredListing.id)
        same = (later.first_event_id == ScoredListing.first_event_id) & (
            later.seen_at >= ScoredListing.seen_at
        )
        followed = later.select(later.id).where(
            same, is_later, is_observation(later), *self.counting(later)
        )
        bounded = ScoredListing.seen_at <= self.last_seen_at
        return all_of(
            bounded, is_observation(), *self.counting(ScoredListing), ~fn.EXISTS(followed)
        )

    def gone_at(self) -> Any:
        """Expression: since when the event's listing is gone, if it is the latest observation; else
        null. A group that is too small takes precedence over a complete file."""
        if self.leaves_gone_out:
            return SQL("CAST(NULL AS TEXT)")
        in_group = ScoredListing.group_id.is_null(False) & self.is_latest()
        cases = [(in_group, gone_at(ScoredListing, self.counting))]
        if self.has_complete_files:
            by_file = left_out_at(ScoredListing, self.complete_files())
            if self.as_of is None:  # the flag decides this faster for all but a few
                cases.insert(0, (IS_CURRENT, by_file))
            else:
                cases[0] = (in_group, fn.COALESCE(cases[0][1], by_file))
                cases.append((self.is_latest(), by_file))
        return Case(None, cases, None)

    def _is_left_out(self) -> Any:
        """Condition: the latest complete file of the event's source leaves its listing out."""
        if self.as_of is None:
            return is_left_out(ScoredListing)
        return fn.EXISTS(left_out_at(ScoredListing, self.complete_files()))

    def complete_files(self) -> Any:
        """The latest complete file of each source, as `left_out_at` takes them."""
        if self.as_of is None and self.supposed_out is None and self.supposed_in is None:
            return stored_files()
        return files_of(*self._counting_batches()).alias("latest_file")

    def every_complete_file(self) -> Any:
        """All complete files, to determine what was gone at an earlier time."""
        return every_file(*self._counting_batches())

    def _counting_batches(self) -> list[Any]:
        counts = self.counts(ImportBatch)
        conditions = [] if counts is None else [counts]
        if self.as_of is not None:
            conditions.append(ImportBatch.imported_at <= self.as_of)
        return conditions

    def is_recent(self, database: Database, hours: int) -> Any:
        """Condition: the event was seen at most this many hours before its source's newest
        observation that counts, or before the moment."""
        if self.as_of is not None:
            moment = read_stored(self.as_of) - timedelta(hours=hours)
            return ScoredListing.seen_at >= utc_text(moment)
        own, source = ImportBatch.alias("own_batch"), fold_source(ImportBatch.source)
        counts = self.counts(ImportBatch)
        batches = ImportBatch.select(
            source.alias("source"),
            hours_before(database, fn.MAX(ImportBatch.last_seen_at), hours).alias("since"),
        ).group_by(SQL("1"))
        recent = (batches if counts is None else batches.where(counts)).alias("recent")
        since = own.select(recent.c.since).join(
            recent, on=(recent.c.source == fold_source(own.source))
        )
        return ScoredListing.seen_at >= since.where(own.import_id == ScoredListing.import_id)

    def first_seen_at(self) -> Any:
        """Expression: the earliest observation of the event's listing that counts; the event's own
        observation always counts."""
        earlier = ScoredListing.alias("earlier")
        counts = self.counts(earlier)
        if counts is not None:
            counts |= earlier.id == ScoredListing.id
        same = earlier.first_event_id == ScoredListing.first_event_id
        conditions = [
            condition for condition in (self.is_held(earlier), counts) if condition is not None
        ]
        return earlier.select(fn.MIN(earlier.seen_at)).where(same, *conditions)

    def rolled_back_at(self) -> Any:
        """Expression: since when the event's import did not count; null while it did."""
        if self.as_of is None:
            return ImportBatch.rolled_back_at
        moment = Case(None, [(BatchChange.kind == ROLLBACK, BatchChange.changed_at)], None)
        of_import = (BatchChange.import_id == ScoredListing.import_id) & (
            BatchChange.changed_at <= self.as_of
        )
        return BatchChange.select(moment).where(of_import).order_by(BatchChange.id.desc()).limit(1)


def present(database: Database) -> Knowledge:
    """What the archive knows now."""
    (looking,) = _looking(database)
    has_rollbacks, has_complete_files = looking.execute(database).fetchone()
    return Knowledge(has_rollbacks=bool(has_rollbacks), has_complete_files=bool(has_complete_files))


@compiled
def _looking(database: Database) -> list[Node]:
    # Only imports that were ever changed: there may be any number of others.
    of_change = ImportBatch.import_id == BatchChange.import_id
    rolled_back_at = ImportBatch.select(ImportBatch.rolled_back_at).where(of_change)
    out = BatchChange.select(BatchChange.id).where(NodeList((rolled_back_at, SQL("IS NOT NULL"))))
    complete = CompleteSource.select(CompleteSource.source)
    return [Select(columns=[fn.EXISTS(out), fn.EXISTS(complete)])]


def knowledge_at(database: Database, as_of: str) -> Knowledge:
    """What the archive knew at a moment, inclusive."""
    held = ImportBatch.imported_at <= as_of
    last = (
        ImportBatch.select(ImportBatch.import_id)
        .where(held, ImportBatch.record_count > 0)
        .order_by(ImportBatch.imported_at.desc())
        .limit(1)
    )
    has_complete_files = _any(database, ImportBatch.select(ImportBatch.id).where(held, IS_COMPLETE))
    row = database.execute(last).fetchone()
    if row is None:
        return Knowledge(as_of, _NO_EVENT, _BEFORE_ALL_TIMES)
    in_last = ScoredListing.select(ScoredListing.id).where(ScoredListing.import_id == row[0])
    (last_event_id,) = database.execute(
        in_last.order_by(ScoredListing.import_index).limit(1)
    ).fetchone()
    counted = ImportBatch.select(fn.MAX(ImportBatch.last_seen_at)).where(held)
    (last_seen_at,) = database.execute(counted).fetchone()
    has_rollbacks = _any(database, _rolled_back_at(as_of))
    return Knowledge(as_of, last_event_id, last_seen_at, has_rollbacks, has_complete_files)


def _any(database: Database, query: Any) -> bool:
    return database.execute(query.limit(1)).fetchone() is not None


def _rolled_back_at(as_of: str) -> Any:
    """The imports whose latest change by then was a rollback."""
    later = BatchChange.alias("later_change")
    undone = later.select(later.id).where(
        (later.import_id == BatchChange.import_id)
        & (later.changed_at <= as_of)
        & (later.id > BatchChange.id)
    )
    last = (BatchChange.kind == ROLLBACK) & (BatchChange.changed_at <= as_of) & ~fn.EXISTS(undone)
    return BatchChange.select(BatchChange.import_id).where(last)
