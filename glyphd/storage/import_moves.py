"""The offers that an import moves in the market: computed from the events that it followed, and
from the complete files that decided before it what was gone."""

from typing import Any

from peewee import JOIN, SQL, Case, Database, Table, fn

from glyphd.db.archive_models import IS_CURRENT, ImportBatch, ScoredListing, Standing
from glyphd.db.complete_models import CompleteSource
from glyphd.storage.complete_files import COLUMNS
from glyphd.storage.knowledge import present
from glyphd.storage.moves import Move, add_moves, create_moves, index_moves, select_moves
from glyphd.storage.offers import fold_source, is_from, is_observation
from glyphd.storage.predecessors import predecessors

_FILES = "market_files"
_files = Table(_FILES)
"""The complete files that decided before the import what was gone; see `complete_files`."""

_was = ScoredListing.alias("was")
_listed = ScoredListing.alias("listed_before")
_batch = ImportBatch.alias("batch_before")


def note_complete_files(database: Database) -> None:
    """Saves which complete files decide what is gone, before an import is written."""
    names = ", ".join(COLUMNS)
    database.execute_sql(f"DROP TABLE IF EXISTS {_FILES}")
    database.execute_sql(
        f"CREATE TEMPORARY TABLE {_FILES} AS"
        f" SELECT {names} FROM {CompleteSource._meta.table_name}"
    )


def find_import_moves(database: Database, import_id: str, last_event_id: int) -> None:
    """Fills the table of moves with what the import that has just been written moves: its events
    have ids above this one."""
    create_moves(database)
    _add_listed(database, import_id, last_event_id)
    _add_gone(database, import_id, last_event_id)
    _add_listed_late(database, import_id)
    index_moves(database)


def _add_listed(database: Database, import_id: str, last_event_id: int) -> None:
    """The import's own offers: new, back, or with another price; and gone, if it is a late file and
    the source's latest complete file leaves them out."""
    before = predecessors
    has_files = _has_rows(database, _files.select(SQL("1")))
    was_gone = _was_gone(_was) if has_files else SQL("1 = 0")
    is_new = before.c.event_id.is_null()
    is_compared = before.c.is_compared == 1
    moved = (before.c.price_usd != ScoredListing.price_usd) | was_gone
    cases = [(is_new, Move.NEW.value), (was_gone, Move.BACK.value)]
    has_moved = is_new | (is_compared & moved)
    file = CompleteSource.select().where(CompleteSource.source == _source_of(import_id))
    latest = file.bind(database).first()
    if latest is not None and latest.import_id != import_id:
        is_left_out = (ScoredListing.seen_at < latest.complete_at) & ~_is_in(latest, ScoredListing)
        was_shown = ~is_new & is_compared & ~was_gone
        cases.insert(0, (is_left_out, Move.GONE.value))
        has_moved = (~is_left_out & has_moved) | (is_left_out & was_shown)
    price_before = Case(None, [(is_compared, before.c.price_usd)], None)
    query = (
        select_moves(Case(None, cases, Move.PRICE.value), price_before)
        .join(before, JOIN.LEFT_OUTER, on=(before.c.import_index == ScoredListing.import_index))
        .join_from(before, _was, JOIN.LEFT_OUTER, on=(_was.id == before.c.event_id))
        .where(ScoredListing.id > last_event_id, IS_CURRENT, ScoredListing.is_indistinct == 0)
        .where(ScoredListing.standing == Standing.LAST.value)
        .where(has_moved)
    )
    add_moves(database, query)


def _add_gone(database: Database, import_id: str, last_event_id: int) -> None:
    """The offers that the import does not list, if it is the complete file that decides what is
    gone: those that the market showed and that its source had listed."""
    file = CompleteSource.select().where(CompleteSource.import_id == import_id)
    latest = file.bind(database).first()
    if latest is None:
        return
    known = present(database)
    earlier = database.execute(
        _files.select(_files.c.complete_at).where(_files.c.source == latest.source)
    ).fetchone()
    of_source = _batch.select(_batch.import_id).where(fold_source(_batch.source) == latest.source)
    if earlier is not None:
        # The offers that were shown were in the previous file, or have been seen since.
        of_source = of_source.where(_batch.last_seen_at >= earlier[0])
    row = ScoredListing.alias("row_of_source")
    counting = known.counting(row)
    candidates = row.select(row.first_event_id).where(
        row.import_id.in_(of_source),
        row.id <= last_event_id,
        is_observation(row),
        ~_is_in(latest, row),
        *counting,
    )
    query = (
        select_moves(SQL(f"'{Move.GONE}'"), ScoredListing.price_usd)
        .where(ScoredListing.first_event_id.in_(candidates), IS_CURRENT)
        .where(ScoredListing.id <= last_event_id, ScoredListing.is_indistinct == 0)
        .where(is_from(ScoredListing, latest.source))
        .where(ScoredListing.seen_at < latest.complete_at)
    )
    if earlier is not None:
        query = query.where(
            (ScoredListing.seen_at >= earlier[0]) | _is_in_noted(latest.source, ScoredListing)
        )
    add_moves(database, query)


def _add_listed_late(database: Database, import_id: str) -> None:
    """Offers that were gone and that the import, a complete file, lists in rows older than their
    latest observation: that observation is shown again."""
    file = CompleteSource.select().where(CompleteSource.import_id == import_id)
    latest = file.bind(database).first()
    if latest is None:
        return
    late = predecessors.select(predecessors.c.event_id).where(predecessors.c.is_late == 1)
    query = (
        select_moves(SQL(f"'{Move.BACK}'"), ScoredListing.price_usd)
        .where(ScoredListing.id.in_(late), IS_CURRENT, ScoredListing.is_indistinct == 0)
        .where(is_from(ScoredListing, latest.source), _was_gone(ScoredListing))
    )
    add_moves(database, query)


def _was_gone(event: Any) -> Any:
    """Condition: a complete file had left out the event. Most are in such a file."""
    in_a_file = _files.select(SQL("1")).where(event.id.between(_files.c.first_id, _files.c.last_id))
    is_listed = _listed.select(SQL("1")).where(
        _listed.first_event_id == event.first_event_id,
        _listed.id.between(_files.c.first_id, _files.c.last_id),
    )
    left_out = (
        _batch.select(SQL("1"))
        .join(_files, on=(_files.c.source == fold_source(_batch.source)))
        .where(_batch.import_id == event.import_id, _files.c.complete_at > event.seen_at)
        .where(~fn.EXISTS(is_listed))
    )
    cases = [(fn.EXISTS(in_a_file), 0), (fn.EXISTS(left_out), 1)]
    return Case(None, cases, 0) == 1


def _source_of(import_id: str) -> Any:
    return ImportBatch.select(fold_source(ImportBatch.source)).where(
        ImportBatch.import_id == import_id
    )


def _is_in(file: CompleteSource, event: Any) -> Any:
    """Condition: the complete file lists the event's offer."""
    if file.first_id is None:
        return SQL("1 = 0")
    same = _listed.select(SQL("1")).where(
        _listed.first_event_id == event.first_event_id,
        _listed.id.between(file.first_id, file.last_id),
    )
    return fn.EXISTS(same)


def _is_in_noted(source: str, event: Any) -> Any:
    """Condition: the source's previous complete file lists the event's offer."""
    same = (
        _listed.select(SQL("1"))
        .join(_files, on=(_listed.id.between(_files.c.first_id, _files.c.last_id)))
        .where(_files.c.source == source, _listed.first_event_id == event.first_event_id)
    )
    return fn.EXISTS(same)


def _has_rows(database: Database, query: Any) -> bool:
    return database.execute(query.limit(1)).fetchone() is not None
