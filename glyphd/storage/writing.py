"""The one transaction that makes a stage part of the archive: set-based SQL, made from the Peewee models."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from peewee import EXCLUDED, JOIN, Case, Database, Node, Value, fn

from glyphd.contracts.listings import CAPACITIES, ROW_SCHEMA_VERSION, STORED_COLUMNS
from glyphd.db.archive_models import ImportBatch, ListingKey, QuantizedListing, ScoredListing, Standing
from glyphd.db.connections import little_memory
from glyphd.db.dialects import exclusive_write, uncommitted
from glyphd.errors import ImportConflict
from glyphd.storage.clock import next_moment
from glyphd.storage.derived import renew
from glyphd.storage.gpu_models import update_models
from glyphd.storage.judging import judge
from glyphd.storage.orders import enter, leave_current
from glyphd.storage.predecessors import (
    Origin,
    find_predecessors,
    is_indistinct_alone,
    listings_to_renew,
    open_predecessors,
    origin_of,
    predecessors,
    rows_to_renew,
    superseded,
)
from glyphd.storage.row_digests import digest_rows
from glyphd.storage.staging import STAGED_COLUMNS, Stage, staged, staged_ids

LARGE_ROWS = 50_000
"""So many rows are sorted for each order in parts, and find little again in any cache."""


@dataclass(frozen=True)
class Batch:
    """What is recorded of an import beside its rows. `result` is kept as JSON and never read by SQL.

    `imported_at` is given only where an archive is made again; else it is the moment of the commit.
    """

    import_id: str
    source: str | None = None
    description: str | None = None
    filename: str | None = None
    sha256: str | None = None
    result: dict[str, Any] = field(default_factory=dict)
    imported_at: str | None = None


@dataclass(frozen=True)
class Written:
    """A committed batch, now or on an earlier attempt."""

    record_count: int
    first_model: str | None
    last_model: str | None
    imported_at: str
    result: dict[str, Any]


Step = Callable[[float], None]
"""Told how much of the writing is done (0 to 1) before each statement; may raise to roll all of it back."""


Writing = Callable[[Database], object]
"""One step of the writing."""


def find_written(database: Database, import_id: str) -> Written | None:
    """The committed batch of this import, or None."""
    query = ImportBatch.select().where(ImportBatch.import_id == import_id)
    batch = query.bind(database).first()
    if batch is None:
        return None
    return Written(batch.record_count, batch.first_model, batch.last_model, batch.imported_at, json.loads(batch.result))


def write_batch(database: Database, stage: Stage, batch: Batch, *, step: Step = lambda done: None) -> Written:
    """Writes the staged rows and their batch in one transaction; exactly once for each import id.

    The same import id with the same rows changes nothing and gives the first result back. Raises ImportConflict
    when the rows differ.
    """
    with exclusive_write(database), _room_for(database, stage), open_predecessors(database):
        before = find_written(database, batch.import_id)
        if before is not None:
            _require_equal_rows(database, batch.import_id)
            return before
        origin = origin_of(stage, batch.source)
        top = _last_event_id(database) + stage.bounds()[1] + 1
        finding, writing = find_predecessors(database, origin), _statements(database, batch.import_id, origin, top)
        insert = partial(_insert_batch, stage, batch, origin)
        steps: list[Writing] = [*map(_executed, finding), insert, *map(_executed, writing)]
        for number, execute in enumerate(steps):
            step(number / len(steps))
            execute(database)
        for first_event_ids in listings_to_renew(origin, top):
            renew(database, first_event_ids)
        _stamp(database, batch)
        if batch.sha256 is None:
            _keep_digest(database, batch.import_id)
        written = find_written(database, batch.import_id)
        assert written is not None
        return written


def _room_for(database: Database, stage: Stage) -> AbstractContextManager[None]:
    return little_memory(database) if stage.count() >= LARGE_ROWS else nullcontext()


def _statements(database: Database, import_id: str, origin: Origin, top: int) -> list[Node]:
    """After `find_predecessors`, in order: what was current of the same listings loses its flag, then the rows come and
    what is derived from them.

    `top - import_index` is the event's id: it grows from import to import and falls inside one.
    """
    event_id = Value(top) - staged.c.import_index
    is_current = Case(None, [(_is_history(origin, staged.c), 0)], 1)
    return [
        ScoredListing.update(is_current=0).where(ScoredListing.id.in_(superseded())),
        _insert_events(import_id, origin, top, is_current),
        *leave_current(database),
        *enter(database, event_id, is_current),
        _point_keys(origin, top),
        _insert_capacities(import_id),
        update_models(database, import_id),
    ]


def _is_history(origin: Origin, row: Any) -> Any:
    """Condition: the staged row is not what its listing is now, or `derived` has to find out."""
    has_to_be_found_out = row.import_index.in_(rows_to_renew())
    if not origin.is_grouped:
        return has_to_be_found_out
    return (row.standing > Standing.LEFT_OUT.value) | has_to_be_found_out


def _insert_events(import_id: str, origin: Origin, top: int, is_current: Any) -> Node:
    """In the order of the ids, so that the table only ever grows at its end."""
    event_id = Value(top) - staged.c.import_index
    anchor = predecessors.alias("anchor")
    word_id = Value(top) - staged.c.word_index
    anchor_id = fn.COALESCE(anchor.c.first_event_id, Value(top) - staged.c.anchor_index)
    indistinct = (predecessors.c.is_indistinct == 1) | is_indistinct_alone(origin)
    values = {name: getattr(staged.c, name) for name in STAGED_COLUMNS}
    values |= {"id": event_id, "import_id": Value(import_id), "schema_version": Value(ROW_SCHEMA_VERSION)}
    values |= {"first_event_id": fn.COALESCE(predecessors.c.first_event_id, word_id)}
    values |= {"group_id": Case(None, [(staged.c.ordinal > 1, anchor_id)], None)}
    values |= {"is_indistinct": Case(None, [(indistinct, 1)], 0)}
    values |= {"is_current": is_current, "change_step": predecessors.c.change_step}
    columns = ScoredListing._meta.columns
    rows = (
        staged.select(*values.values())
        .join(predecessors, JOIN.LEFT_OUTER, on=(predecessors.c.import_index == staged.c.import_index))
        .join(anchor, JOIN.LEFT_OUTER, on=(anchor.c.import_index == staged.c.anchor_index))
    )
    return ScoredListing.insert_from(rows.order_by(staged.c.import_index.desc()), [columns[name] for name in values])


def _point_keys(origin: Origin, top: int) -> Node:
    """In the order of the ids, all from their index. A late row's key stays: its listing has a later event.

    The event is the first one of a listing that has no key yet.
    """
    event_id = Value(top) - staged_ids.c.import_index
    rows = staged_ids.select(staged_ids.c.listing_id, event_id, event_id).where(~_is_history(origin, staged_ids.c))
    return ListingKey.insert_from(
        rows.order_by(staged_ids.c.listing_id),
        [ListingKey.listing_id, ListingKey.current_event_id, ListingKey.first_event_id],
    ).on_conflict(
        conflict_target=[ListingKey.listing_id], update={ListingKey.current_event_id: EXCLUDED.current_event_id}
    )


def _insert_capacities(import_id: str) -> Node:
    capacities = [getattr(staged.c, name) for name in CAPACITIES]
    rows = staged.select(Value(import_id), staged.c.import_index, *capacities)
    return QuantizedListing.insert_from(
        rows.where(capacities[0].is_null(False)).order_by(staged.c.import_index),
        [
            QuantizedListing.import_id,
            QuantizedListing.import_index,
            QuantizedListing.model_7b,
            QuantizedListing.model_13b,
            QuantizedListing.model_70b,
        ],
    )


def _executed(statement: Node) -> Writing:
    return lambda database: database.execute(statement)


def foresee(database: Database, stage: Stage, source: str | None) -> dict[str, Any]:
    """What `write_batch` would keep beside the findings in `result`, without writing anything."""
    with uncommitted(database), _room_for(database, stage), open_predecessors(database):
        origin = origin_of(stage, source)
        for statement in find_predecessors(database, origin):
            database.execute(statement)
        return judge(database, stage, origin)


def _insert_batch(stage: Stage, batch: Batch, origin: Origin, database: Database) -> None:
    """Its `imported_at` is given at the very end; till then it holds a text that no time equals."""
    lowest, highest = stage.bounds()
    row = ImportBatch.insert(
        import_id=batch.import_id,
        imported_at="",
        source=batch.source,
        description=batch.description,
        filename=batch.filename,
        sha256=batch.sha256,
        record_count=stage.count(),
        first_model=stage.model_at(lowest),
        last_model=stage.model_at(highest),
        schema_version=ROW_SCHEMA_VERSION,
        last_seen_at=stage.last_seen_at(),
        result=json.dumps(_judged(database, stage, batch, origin), ensure_ascii=False),
    )
    database.execute(row)


def _judged(database: Database, stage: Stage, batch: Batch, origin: Origin) -> dict[str, Any]:
    """The findings with what the rows do to the market, unless an earlier time said it already."""
    if batch.result.get("effect") is not None:
        return batch.result
    judged = judge(database, stage, origin)
    return batch.result | judged | {"warnings": [*(batch.result.get("warnings") or ()), *judged["warnings"]]}


def _stamp(database: Database, batch: Batch) -> None:
    """The last statement under the write lock: a clock that jumps back can't reorder history."""
    imported_at = batch.imported_at or next_moment(database)
    database.execute(ImportBatch.update(imported_at=imported_at).where(ImportBatch.import_id == batch.import_id))


def _keep_digest(database: Database, import_id: str) -> None:
    """Rows that no kept file can prove are proven by their digest."""
    values = {"rows_sha256": digest_rows(database, import_id)}
    database.execute(ImportBatch.update(values).where(ImportBatch.import_id == import_id))


def _last_event_id(database: Database) -> int:
    (last,) = database.execute(ScoredListing.select(fn.MAX(ScoredListing.id))).fetchone()
    return last or 0


def _require_equal_rows(database: Database, import_id: str) -> None:
    names = ("import_index", *STORED_COLUMNS)
    columns = ScoredListing._meta.columns
    events = ScoredListing.select(*(columns[name] for name in names)).where(ScoredListing.import_id == import_id)
    rows = staged.select(*(getattr(staged.c, name) for name in names))
    if _any(database, rows.except_(events)) or _any(database, events.except_(rows)):
        raise ImportConflict(f"import {import_id} is already there with other rows", import_id=import_id)


def _any(database: Database, query: Any) -> bool:
    return database.execute(query.limit(1)).fetchone() is not None
