"""The single transaction that makes a stage part of the archive: set-based SQL, generated from the
Peewee models."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from itertools import chain
from typing import Any

from peewee import JOIN, Database, Node, Value, fn

from glyphd.contracts.columns import STORED_COLUMNS
from glyphd.contracts.texts import fold_ascii
from glyphd.db.archive_models import ImportBatch, ScoredListing
from glyphd.db.connections import small_cache
from glyphd.db.dialects import analyze, exclusive_write, uncommitted
from glyphd.errors import FewerRows, ImportConflict
from glyphd.plurals import counted
from glyphd.storage.absences import renew_after_file
from glyphd.storage.batches import Batch
from glyphd.storage.clock import next_moment
from glyphd.storage.compiled import compiled, given
from glyphd.storage.derived.all_facts import FACTS
from glyphd.storage.derived.complete_sources import renew_source
from glyphd.storage.derived.facts import IMPORT_ID, SCHEMA_VERSION, event_id
from glyphd.storage.derived.renewing import renew
from glyphd.storage.import_moves import find_import_moves, note_complete_files
from glyphd.storage.judging import judge
from glyphd.storage.moves import Look
from glyphd.storage.oddities import last_import
from glyphd.storage.predecessors import (
    Origin,
    anchors,
    find_predecessors,
    listings_to_renew,
    origin_of,
    predecessors,
)
from glyphd.storage.row_digests import digest_rows
from glyphd.storage.stage_tables import PREDECESSOR_TABLES, STAGED_COLUMNS, staged
from glyphd.storage.staging import Stage
from glyphd.storage.written import Written, find_written

LARGE_ROWS = 50_000
"""From this many rows on, rows are sorted in parts for each order, because larger sorts hardly
benefit from a cache."""


Step = Callable[[float], None]
"""Is called before each statement with the share that is done (0 to 1); may raise to roll
everything back."""


def write_batch(
    database: Database,
    stage: Stage,
    batch: Batch,
    *,
    step: Step = lambda done: None,
    look: Look | None = None,
) -> Written:
    """Writes the staged rows and their batch in one transaction; exactly once for each import id.

    `look` is called in that transaction, when everything is written and the moves are found.

    The same import id with the same rows changes nothing and returns the first result. Raises
    ImportConflict if the rows differ, and FewerRows for a complete file that has far fewer rows
    than its source's last import.
    """
    with exclusive_write(database), _room_for(database, stage):
        before = find_written(database, batch.import_id)
        if before is not None:
            _require_equal_rows(database, batch.import_id)
            return before
        require_rows(database, stage, batch)
        # 1. The staged rows, and the events that they follow.
        if look is not None:
            note_complete_files(database)
        origin = origin_of(stage, batch.source)
        last, own = _parameters(database, stage, batch)
        finding, writing = _finding(database, origin), _writing(database, origin)
        count = len(finding) + 1 + len(writing)
        for number, (table, statement) in enumerate(zip(PREDECESSOR_TABLES, finding, strict=True)):
            step(number / count)
            statement.execute(database, **own)
            analyze(database, table)
        # 2. The batch, with the effect of its rows, which is computed before they are written.
        step(len(finding) / count)
        _insert_batch(stage, batch, origin)
        # 3. The events and what is derived from them.
        for number, statement in enumerate(writing, start=len(finding) + 1):
            step(number / count)
            statement.execute(database, **own)
        # 4. Listings for which the work on each row is not enough; most imports have none.
        _renew_listings(database, origin, own)
        # 5. Which complete file decides what is gone from the source.
        if batch.complete:
            _renew_after_file(database, batch)
        # 6. Which offers it changes, if there are watches.
        if look is not None:
            find_import_moves(database, batch.import_id, last)
            look(database)
        return _finish(database, batch)


def _renew_after_file(database: Database, batch: Batch) -> None:
    for renewing in chain(
        renew_source(batch.import_id), renew_after_file(database, batch.import_id)
    ):
        database.execute(renewing)


def _parameters(database: Database, stage: Stage, batch: Batch) -> tuple[int, dict[str, Any]]:
    """The highest id of an event so far, and the parameters of the statements."""
    (finding,) = _last_event(database)
    (last,) = finding.execute(database).fetchone()
    last = last or 0
    return last, {
        "import_id": batch.import_id,
        "schema_version": batch.schema_version,
        "top": last + stage.bounds[1] + 1,
        "source": fold_ascii(batch.source or ""),
    }


@compiled
def _last_event(database: Database) -> list[Node]:
    return [ScoredListing.select(fn.MAX(ScoredListing.id))]


def _renew_listings(database: Database, origin: Origin, own: dict[str, Any]) -> None:
    """First checks with compiled statements whether there are such listings at all."""
    if any(found.execute(database, **own).fetchone() for found in _renewing(database, origin)):
        for first_event_ids in listings_to_renew(origin, Value(own["top"])):
            renew(database, first_event_ids)


def _finish(database: Database, batch: Batch) -> Written:
    """Sets the batch's moment after all rows are written, and the digest of rows without a kept
    file.

    The moment is taken under the write lock: a clock that jumps back can't reorder history.
    """
    of_moment, of_digest = _finishing(database)
    imported_at = batch.imported_at or next_moment(database)
    of_moment.execute(database, imported_at=imported_at, import_id=batch.import_id)
    if batch.sha256 is None:  # the digest includes the moment
        rows_sha256 = digest_rows(database, batch.import_id)
        of_digest.execute(database, rows_sha256=rows_sha256, import_id=batch.import_id)
    written = find_written(database, batch.import_id)
    assert written is not None
    return written


@compiled
def _finishing(database: Database) -> list[Node]:
    this = ImportBatch.import_id == given("import_id")
    names = ("imported_at", "rows_sha256")
    return [ImportBatch.update({name: given(name)}).where(this) for name in names]


def _room_for(database: Database, stage: Stage) -> AbstractContextManager[None]:
    return small_cache(database) if stage.count >= LARGE_ROWS else nullcontext()


@compiled
def _finding(database: Database, origin: Origin) -> list[Node]:
    return find_predecessors(database, origin)


@compiled
def _writing(database: Database, origin: Origin) -> list[Node]:
    return writing_statements(database, origin)


@compiled
def _renewing(database: Database, origin: Origin) -> list[Node]:
    """Queries, each of which finds a row if there are such listings."""
    return [query.limit(1) for query in listings_to_renew(origin)]


def writing_statements(database: Database, origin: Origin) -> list[Node]:
    """After `find_predecessors`, in order: the events, and before and after them what is derived
    from them."""
    # In the order of the ids, so that the table only ever grows at its end.
    values = {name: getattr(staged.c, name) for name in STAGED_COLUMNS}
    values |= {"id": event_id(), "import_id": IMPORT_ID, "schema_version": SCHEMA_VERSION}
    for fact in FACTS:
        values |= fact.row_columns(origin)
    rows = (
        staged.select(*values.values())
        .join(
            predecessors, JOIN.LEFT_OUTER, on=(predecessors.c.import_index == staged.c.import_index)
        )
        .join(anchors, JOIN.LEFT_OUTER, on=(anchors.c.import_index == staged.c.anchor_index))
        .order_by(staged.c.import_index.desc())
    )
    columns = [ScoredListing._meta.columns[name] for name in values]
    return [
        *(statement for fact in FACTS for statement in fact.before_rows()),
        ScoredListing.insert_from(rows, columns),
        *(statement for fact in FACTS for statement in fact.after_rows(database, origin)),
    ]


def foresee(database: Database, stage: Stage, batch: Batch) -> dict[str, Any]:
    """What `write_batch` would store in `result` besides the findings, without writing anything.
    Raises FewerRows like it."""
    source = fold_ascii(batch.source or "")
    with uncommitted(database), _room_for(database, stage):
        require_rows(database, stage, batch)
        origin = origin_of(stage, batch.source)
        for table, statement in zip(PREDECESSOR_TABLES, _finding(database, origin), strict=True):
            statement.execute(database, source=source)
            analyze(database, table)
        return judge(stage, origin, batch)


def require_rows(database: Database, stage: Stage, batch: Batch) -> None:
    """Raises FewerRows for a complete file with less than half of the rows of its source's last
    import, unless that is allowed: a truncated file would make the missing half gone."""
    if not batch.complete or batch.allow_shrink:
        return
    before = last_import(database, batch.source)
    if before is not None and stage.count * 2 < before.record_count:
        rows = counted(stage.count, "row")
        raise FewerRows(
            f"the file was sent as complete, but has {rows}, and the source's last import, "
            f"{before.import_id}, had {before.record_count}: if so many offers are gone, send it "
            "with allow_shrink=true"
        )


def _insert_batch(stage: Stage, batch: Batch, origin: Origin) -> None:
    """Inserts the batch. Its `imported_at` is set at the very end; until then it is a text that
    equals no time."""
    result = batch.result
    if result.get("effect") is None:  # otherwise the effect was determined earlier
        judged = judge(stage, origin, batch)
        warnings = [*(result.get("warnings") or ()), *judged["warnings"]]
        result = result | judged | {"warnings": warnings}
    lowest, highest = stage.bounds
    values = {
        "import_id": batch.import_id,
        "imported_at": "",
        "source": batch.source,
        "description": batch.description,
        "filename": batch.filename,
        "sha256": batch.sha256,
        "record_count": stage.count,
        "first_model": stage.model_at(lowest),
        "last_model": stage.model_at(highest),
        "schema_version": batch.schema_version,
        "last_seen_at": stage.last_seen_at,
        "complete_at": batch.complete_at(stage.last_seen_at),
        "result": json.dumps(result, ensure_ascii=False),
    }
    (inserting,) = _inserting(stage.database, tuple(values))
    inserting.execute(stage.database, **values)


@compiled
def _inserting(database: Database, names: tuple[str, ...]) -> list[Node]:
    return [ImportBatch.insert({name: given(name) for name in names})]


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
