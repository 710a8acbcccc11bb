"""The single transaction that makes a stage part of the archive: set-based SQL, generated from the
Peewee models."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from peewee import JOIN, Database, Node, Value, fn

from glyphd.contracts.columns import ROW_SCHEMA_VERSION, STORED_COLUMNS
from glyphd.db.archive_models import ImportBatch, ScoredListing
from glyphd.db.connections import small_cache
from glyphd.db.dialects import exclusive_write, uncommitted
from glyphd.errors import ImportConflict
from glyphd.storage.clock import next_moment
from glyphd.storage.derived.all_facts import FACTS
from glyphd.storage.derived.facts import Incoming
from glyphd.storage.derived.renewing import renew
from glyphd.storage.judging import judge
from glyphd.storage.predecessors import (
    Origin,
    anchors,
    find_predecessors,
    listings_to_renew,
    open_predecessors,
    origin_of,
    predecessors,
)
from glyphd.storage.row_digests import digest_rows
from glyphd.storage.staging import STAGED_COLUMNS, Stage, staged

LARGE_ROWS = 50_000
"""From this many rows on, rows are sorted in parts for each order, because they hardly benefit from
a cache."""


@dataclass(frozen=True)
class Batch:
    """What is recorded about an import besides its rows. `result` is kept as JSON and never read by
    SQL, `schema_version` is the row contract that the rows were read by.

    `imported_at` is given only when an archive is rebuilt; otherwise it is the moment of the
    commit.
    """

    import_id: str
    source: str | None = None
    description: str | None = None
    filename: str | None = None
    sha256: str | None = None
    result: dict[str, Any] = field(default_factory=dict)
    imported_at: str | None = None
    schema_version: int = ROW_SCHEMA_VERSION


@dataclass(frozen=True)
class Written:
    """A committed batch, now or on an earlier attempt."""

    record_count: int
    first_model: str | None
    last_model: str | None
    imported_at: str
    result: dict[str, Any]


Step = Callable[[float], None]
"""Called before each statement with how much is done (0 to 1); may raise to roll all of it back."""


Writing = Callable[[Database], object]
"""One step of the writing."""


def find_written(database: Database, import_id: str) -> Written | None:
    """The committed batch of this import, or None."""
    query = ImportBatch.select().where(ImportBatch.import_id == import_id)
    batch = query.bind(database).first()
    if batch is None:
        return None
    return Written(
        batch.record_count,
        batch.first_model,
        batch.last_model,
        batch.imported_at,
        json.loads(batch.result),
    )


def write_batch(
    database: Database, stage: Stage, batch: Batch, *, step: Step = lambda done: None
) -> Written:
    """Writes the staged rows and their batch in one transaction; exactly once for each import id.

    The same import id with the same rows changes nothing and gives the first result back. Raises
    ImportConflict when the rows differ.
    """
    with exclusive_write(database), _room_for(database, stage), open_predecessors(database):
        before = find_written(database, batch.import_id)
        if before is not None:
            _require_equal_rows(database, batch.import_id)
            return before
        origin = origin_of(stage, batch.source)
        (last,) = database.execute(ScoredListing.select(fn.MAX(ScoredListing.id))).fetchone()
        top = (last or 0) + stage.bounds()[1] + 1
        finding = find_predecessors(database, origin)
        writing = writing_statements(
            Incoming(database, batch.import_id, origin, top, batch.schema_version)
        )
        insert = partial(_insert_batch, stage, batch, origin)
        steps: list[Writing] = [*map(_executed, finding), insert, *map(_executed, writing)]
        for number, execute in enumerate(steps):
            step(number / len(steps))
            execute(database)
        for first_event_ids in listings_to_renew(origin, top):
            renew(database, first_event_ids)
        _finish(database, batch)
        written = find_written(database, batch.import_id)
        assert written is not None
        return written


def _room_for(database: Database, stage: Stage) -> AbstractContextManager[None]:
    return small_cache(database) if stage.count() >= LARGE_ROWS else nullcontext()


def writing_statements(incoming: Incoming) -> list[Node]:
    """After `find_predecessors`, in order: the events, and before and after them what is derived
    from them."""
    return [
        *(statement for fact in FACTS for statement in fact.before_rows(incoming)),
        _insert_events(incoming),
        *(statement for fact in FACTS for statement in fact.after_rows(incoming)),
    ]


def _insert_events(incoming: Incoming) -> Node:
    """In the order of the ids, so that the table grows only at its end."""
    values = {name: getattr(staged.c, name) for name in STAGED_COLUMNS}
    values |= {"id": incoming.event_id(), "import_id": Value(incoming.import_id)}
    values |= {"schema_version": Value(incoming.schema_version)}
    for fact in FACTS:
        values |= fact.row_columns(incoming)
    rows = (
        staged.select(*values.values())
        .join(
            predecessors, JOIN.LEFT_OUTER, on=(predecessors.c.import_index == staged.c.import_index)
        )
        .join(anchors, JOIN.LEFT_OUTER, on=(anchors.c.import_index == staged.c.anchor_index))
        .order_by(staged.c.import_index.desc())
    )
    return ScoredListing.insert_from(rows, [ScoredListing._meta.columns[name] for name in values])


def _executed(statement: Node) -> Writing:
    return lambda database: database.execute(statement)


def foresee(database: Database, stage: Stage, source: str | None) -> dict[str, Any]:
    """What `write_batch` would store in `result` besides the findings, without writing anything."""
    with uncommitted(database), _room_for(database, stage), open_predecessors(database):
        origin = origin_of(stage, source)
        for statement in find_predecessors(database, origin):
            database.execute(statement)
        return judge(database, stage, origin)


def _insert_batch(stage: Stage, batch: Batch, origin: Origin, database: Database) -> None:
    """Its `imported_at` is set at the very end; until then it is a text that no time equals."""
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
        schema_version=batch.schema_version,
        last_seen_at=stage.last_seen_at(),
        result=json.dumps(_judged(database, stage, batch, origin), ensure_ascii=False),
    )
    database.execute(row)


def _judged(database: Database, stage: Stage, batch: Batch, origin: Origin) -> dict[str, Any]:
    """The findings with the rows' effect on the market, unless an earlier attempt already
    determined it."""
    if batch.result.get("effect") is not None:
        return batch.result
    judged = judge(database, stage, origin)
    return (
        batch.result
        | judged
        | {"warnings": [*(batch.result.get("warnings") or ()), *judged["warnings"]]}
    )


def _finish(database: Database, batch: Batch) -> None:
    this = ImportBatch.import_id == batch.import_id
    # Taken under the write lock, after all rows: a clock that jumps back can't reorder history.
    imported_at = batch.imported_at or next_moment(database)
    database.execute(ImportBatch.update(imported_at=imported_at).where(this))
    # Rows that no kept file can prove are proven by their digest.
    if batch.sha256 is None:
        rows_sha256 = digest_rows(database, batch.import_id)
        database.execute(ImportBatch.update(rows_sha256=rows_sha256).where(this))


def _require_equal_rows(database: Database, import_id: str) -> None:
    names = ("import_index", *STORED_COLUMNS)
    columns = ScoredListing._meta.columns
    events = ScoredListing.select(*(columns[name] for name in names)).where(
        ScoredListing.import_id == import_id
    )
    rows = staged.select(*(getattr(staged.c, name) for name in names))
    if _any(database, rows.except_(events)) or _any(database, events.except_(rows)):
        raise ImportConflict(
            f"import {import_id} already exists with other rows", import_id=import_id
        )


def _any(database: Database, query: Any) -> bool:
    return database.execute(query.limit(1)).fetchone() is not None
