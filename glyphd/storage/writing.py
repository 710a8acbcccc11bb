"""The single transaction that makes a stage part of the archive: set-based SQL, generated from the
Peewee models."""

import json
from collections.abc import Mapping
from itertools import chain
from typing import Any

from peewee import JOIN, Database, Node, Value

from glyphd.contracts.columns import STORED_COLUMNS
from glyphd.db.archive_models import ImportBatch, ScoredListing
from glyphd.db.archive_versions import read_version
from glyphd.db.compiled import compiled, given
from glyphd.db.dialects import exclusive_write, uncommitted
from glyphd.errors import ImportConflict
from glyphd.storage.absences import renew_after_file
from glyphd.storage.batches import Batch
from glyphd.storage.clock import next_moment
from glyphd.storage.derived.all_facts import FACTS
from glyphd.storage.derived.complete_sources import renew_source
from glyphd.storage.derived.facts import IMPORT_ID, SCHEMA_VERSION, event_id
from glyphd.storage.derived.renewing import renew
from glyphd.storage.import_moves import find_import_moves, note_complete_files
from glyphd.storage.moves import Look
from glyphd.storage.predecessors import (
    Origin,
    anchors,
    listings_to_renew,
    predecessors,
)
from glyphd.storage.preparing import PREPARED_SHARE, Prepared, Step, no_step, prepare
from glyphd.storage.row_digests import digest_rows
from glyphd.storage.stage_tables import STAGED_COLUMNS, staged
from glyphd.storage.staging import Stage
from glyphd.storage.written import Written, find_written


def write_batch(
    database: Database,
    stage: Stage,
    batch: Batch,
    *,
    step: Step = no_step,
    look: Look | None = None,
) -> Written:
    """Writes the staged rows and their batch in one transaction; exactly once for each import id.

    `look` is called in that transaction, when everything is written and the moves are found.

    The same import id with the same rows changes nothing and returns the first result. Raises
    ImportConflict if the rows differ, and FewerRows for a complete file that has far fewer rows
    than its source's last import.
    """
    # 1. What a large stage needs to know is prepared while others can write.
    with stage.room():
        ahead = _prepared_ahead(database, stage, batch, step=step) if stage.is_large else None
        with exclusive_write(database):
            before = find_written(database, batch.import_id)
            if before is not None:
                _require_equal_rows(database, batch.import_id)
                return before
            prepared = ahead
            if prepared is None or prepared.version != read_version(database):
                prepared = prepare(database, stage, batch, step=step)
            # 2. The batch, with the effect of its rows.
            if look is not None:
                note_complete_files(database)
            _insert_batch(stage, batch, prepared.result)
            # 3. The events and what is derived from them.
            writing = _writing(database, prepared.origin)
            for number, statement in enumerate(writing):
                step(PREPARED_SHARE + (1 - PREPARED_SHARE) * number / len(writing))
                statement.execute(database, **prepared.parameters)
            # 4. Listings for which the work on each row is not enough; most imports have none.
            _renew_listings(database, prepared)
            # 5. Which complete file decides what is gone from the source.
            if batch.complete:
                _renew_after_file(database, batch)
            # 6. Which offers it changes, if there are watches.
            if look is not None:
                find_import_moves(database, batch.import_id, prepared.last_event_id)
                look(database)
            return _finish(database, batch)


def _prepared_ahead(
    database: Database, stage: Stage, batch: Batch, *, step: Step
) -> Prepared | None:
    """None for a batch that is written already."""
    with uncommitted(database):
        if find_written(database, batch.import_id) is not None:
            return None
        return prepare(database, stage, batch, step=step)


def _renew_after_file(database: Database, batch: Batch) -> None:
    for renewing in chain(
        renew_source(batch.import_id), renew_after_file(database, batch.import_id)
    ):
        database.execute(renewing)


def _renew_listings(database: Database, prepared: Prepared) -> None:
    """First checks with compiled statements whether there are such listings at all."""
    origin, own = prepared.origin, prepared.parameters
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


@compiled
def _writing(database: Database, origin: Origin) -> list[Node]:
    return writing_statements(database, origin)


@compiled
def _renewing(database: Database, origin: Origin) -> list[Node]:
    """Queries, each of which finds a row if there are such listings."""
    return [query.limit(1) for query in listings_to_renew(origin)]


def writing_statements(database: Database, origin: Origin) -> list[Node]:
    """After `prepare`, in order: the events, and before and after them what is derived
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


def _insert_batch(stage: Stage, batch: Batch, result: Mapping[str, Any]) -> None:
    """Inserts the batch. Its `imported_at` is set at the very end; until then it is a text that
    equals no time."""
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
