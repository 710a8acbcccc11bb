"""Counts how many offers an import makes gone, and how many it brings back, before it is written.

For each known identity the numbers of offers before and after are compared, because the offers of a
group can't be distinguished. Only listings that may become gone or come back are considered.
"""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from peewee import SQL, Case, Database, Node, Select, fn

from glyphd.contracts.texts import fold_ascii
from glyphd.db.archive_models import ImportBatch, ScoredListing, Standing
from glyphd.db.compiled import compiled, given
from glyphd.db.complete_models import CompleteSource
from glyphd.storage.batches import Batch
from glyphd.storage.complete_files import left_out_at, stored_files
from glyphd.storage.knowledge import Knowledge
from glyphd.storage.offers import fold_source, gone_at, identity_of, is_from, moment_of
from glyphd.storage.predecessors import SOURCE, Origin, is_gone, predecessors
from glyphd.storage.stage_tables import staged
from glyphd.storage.staging import Stage

_BEFORE = {
    name: given(f"before_{name}") for name in ("import_id", "complete_at", "first_id", "last_id")
}
"""The source's latest complete file so far."""
_COMPLETE_AT = given("complete_at")
_AFTER_ALL = SQL(str(2**63 - 1))
"""Stands for the id of an event that is not written yet."""

_CURRENT = ScoredListing.alias("current_event")
_LEFT = ScoredListing.alias("left_event")


@dataclass(frozen=True)
class _Files:
    """The complete files of the import's source: whether one counts so far, and whether the import
    is the one for the latest moment."""

    has_one: bool
    is_latest: bool


def count_gone(stage: Stage, origin: Origin, batch: Batch) -> tuple[int, int]:
    """How many offers are gone by the import, and how many are back. Needs the table of
    predecessors to be filled; nothing of the import is in the archive."""
    if not (batch.complete or origin.has_complete_files or origin.has_groups):
        return 0, 0
    source = fold_ascii(batch.source or "")
    own = {"source": source, "complete_at": batch.complete_at(stage.last_seen_at)}
    before = _latest_file(stage.database, source)
    own |= {f"before_{name}": getattr(before, name, None) for name in _BEFORE}
    is_latest = batch.complete and (before is None or own["complete_at"] >= before.complete_at)
    (counts,) = _counts(stage.database, origin, _Files(before is not None, is_latest))
    gone, back = counts.execute(stage.database, **own).fetchone()
    return int(gone), int(back)


def _latest_file(database: Database, source: str) -> Any:
    return CompleteSource.select().where(CompleteSource.source == source).bind(database).first()


@compiled
def _counts(database: Database, origin: Origin, files: _Files) -> list[Node]:
    remaining = _not_followed().cte("remaining", materialized=True)
    left = _left_events(origin, files, remaining)
    moved = _moved_rows(origin, files).union_all(left).alias("moved")
    of_each = moved.select_from(fn.SUM(moved.c.change).alias("change")).group_by(moved.c.identity)
    change = of_each.alias("of_each").c.change
    sums = [
        fn.COALESCE(fn.SUM(Case(None, [(is_counted, number)], 0)), 0)
        for is_counted, number in ((change < 0, change * -1), (change > 0, change))
    ]
    return [change.source.select_from(*sums).with_cte(remaining)]


def _moved_rows(origin: Origin, files: _Files) -> Any:
    """The known listings of the file that change: each with its identity, and 1 if it is offered
    again, -1 if it is gone."""
    was_gone = predecessors.c.is_gone
    will_be_gone = Case(
        None,
        [(predecessors.c.is_late == 1, _late_is_gone(origin, files))],
        Case(None, [(_row_is_gone(origin, files), 1)], 0),
    )
    rows = (
        predecessors.select(
            identity_of(_CURRENT).alias("identity"), (was_gone - will_be_gone).alias("change")
        )
        .join(staged, on=(staged.c.import_index == predecessors.c.import_index))
        .join(_CURRENT, on=(_CURRENT.id == predecessors.c.event_id))
        .where((staged.c.standing <= Standing.LEFT_OUT.value) & (was_gone != will_be_gone))
    )
    if files.has_one and not files.is_latest:
        return rows
    may_move = (was_gone == 1) | (predecessors.c.is_late == 1)
    if origin.has_groups:
        may_move |= predecessors.c.is_indistinct == 1
    return rows.where(may_move)


def _row_is_gone(origin: Origin, files: _Files) -> Any:
    """Condition for a row that is its listing's latest observation: the listing is gone as soon as
    the row is written."""
    row = SimpleNamespace(
        first_event_id=predecessors.c.first_event_id,
        group_id=_CURRENT.group_id,
        ordinal=staged.c.ordinal,
        seen_at=staged.c.seen_at,
        observed_at=staged.c.observed_at,
        id=_AFTER_ALL,
    )
    gone = staged.c.standing == Standing.LEFT_OUT.value
    if origin.has_groups:
        gone |= gone_at(row, _counting(origin), SOURCE).is_null(False)
    if files.has_one and not files.is_latest:
        gone |= fn.EXISTS(left_out_at(row, stored_files(), SOURCE))
    return gone


def _late_is_gone(origin: Origin, files: _Files) -> Any:
    """Expression: 1 if the listing, whose latest observation the archive has already, is gone when
    the row is written, else 0."""
    cases = [(_CURRENT.is_current == SQL("0"), 1)]
    if origin.has_groups:
        first = staged.alias("first_row")
        later = first.select(SQL("1")).where(
            first.c.import_index == staged.c.anchor_index, moment_of(first.c) >= moment_of(_CURRENT)
        )
        is_left_out = (staged.c.standing == Standing.LEFT_OUT.value) & fn.EXISTS(later)
        cases.append((is_left_out & is_from(_CURRENT, SOURCE), 1))
    if files.is_latest:
        cases.append((is_from(_CURRENT, SOURCE), 0))
    return Case(None, cases, predecessors.c.is_gone)


def _left_events(origin: Origin, files: _Files, remaining: Any) -> Any:
    """The identity of each listing that becomes gone without being in the file, and -1."""
    found: Any = _smaller_groups(origin) if origin.has_groups else None
    if files.is_latest:
        for candidates in _unlisted(origin, files, remaining):
            found = candidates if found is None else found.union(candidates)
    if found is None:
        found = _LEFT.select(_LEFT.id).where(SQL("1 = 0"))
    left = found.except_(_listed()).alias("left")
    return left.select_from(identity_of(_LEFT).alias("identity"), SQL("-1").alias("change")).join(
        _LEFT, on=(_LEFT.id == left.c.id)
    )


def _listed() -> Select:
    """The latest events of the listings in the file."""
    found: Select = predecessors.select(predecessors.c.event_id)
    return found


def _smaller_groups(origin: Origin) -> Select:
    """The current offers for which their group in the file is too small."""
    offer = ScoredListing.alias("offer")
    is_in_group = (offer.group_id == predecessors.c.first_event_id) & (offer.is_current == SQL("1"))
    found: Select = (
        predecessors.select(offer.id)
        .join(staged, on=(staged.c.import_index == predecessors.c.import_index))
        .join(offer, on=(is_in_group & (offer.ordinal > staged.c.group_size)))
        .where((staged.c.ordinal == 1) & (staged.c.standing == Standing.LAST.value))
        .where(moment_of(staged.c) >= moment_of(offer), is_from(offer, SOURCE))
        .where(~is_gone(offer, origin))
    )
    return found


def _not_followed() -> Any:
    """The events of imports of the source since its latest complete file that no row of this file
    follows. Most events are followed: they are left out by their ids alone, which are in an index,
    before any event is read."""
    known = ScoredListing.alias("known_event")
    since = (ImportBatch.last_seen_at >= _BEFORE["complete_at"]) | (
        ImportBatch.import_id == _BEFORE["import_id"]
    )
    ids = known.select(known.id).where(known.import_id.in_(_imports_of_source().where(since)))
    return ids.except_(_listed())


def _unlisted(origin: Origin, files: _Files, remaining: Any) -> list[Select]:
    """The current events of the source, seen before the moment of the file, of offers that are not
    gone so far: those of imports since the source's latest complete file, and older ones of
    listings in that file."""
    event, older = ScoredListing.alias("event"), ScoredListing.alias("older_event")
    is_candidate = (event.is_current == SQL("1")) & (event.seen_at < _COMPLETE_AT)
    if not files.has_one:
        of_source = event.import_id.in_(_imports_of_source())
        return [event.select(event.id).where(of_source & is_candidate)]
    is_in_file = event.import_id == _BEFORE["import_id"]
    recent = (
        Select([remaining], [event.id])
        .join(event, on=(event.id == remaining.c.id))
        .where(is_candidate & (is_in_file | ~is_gone(event, origin)))
    )
    in_file = older.id.between(_BEFORE["first_id"], _BEFORE["last_id"])
    again = (
        Select([remaining], [event.id])
        .join(older, on=(older.id == remaining.c.id))
        .join(event, on=(event.first_event_id == older.first_event_id))
        .where(in_file & (older.is_current == SQL("0")) & is_candidate)
        .where(event.seen_at >= older.seen_at, is_from(event, SOURCE), ~is_in_file)
    )
    return [recent, again]


def _imports_of_source() -> Select:
    found: Select = ImportBatch.select(ImportBatch.import_id).where(
        fold_source(ImportBatch.source) == SOURCE, ImportBatch.rolled_back_at.is_null()
    )
    return found


def _counting(origin: Origin) -> Any:
    return Knowledge(has_rollbacks=origin.has_rollbacks).counting
