"""`models`: each GPU model's latest known specs, from the event that `specs` chooses."""

from collections.abc import Iterable, Iterator
from typing import Any

from peewee import EXCLUDED, OP, Database, Expression, Node, Select, Tuple, fn

from glyphd.db.archive_models import ROLLBACK, GPUModel, ImportBatch, ScoredListing
from glyphd.db.dialects import caseless
from glyphd.storage.derived.facts import IMPORT_ID, Fact
from glyphd.storage.predecessors import Origin
from glyphd.storage.specs import SPECS, spec_rank
from glyphd.storage.stage_tables import staged
from glyphd.storage.staged_models import staged_models

_EVENT_COLUMNS = ("import_id", "model", *SPECS, "seen_at", "import_index")
_MODEL_FIELDS = [
    GPUModel._meta.columns[name] for name in ("import_id", "canonical_model", *_EVENT_COLUMNS[2:])
]
_SHOWN = (*_EVENT_COLUMNS[2:], "import_id")


class GPUModels(Fact):
    def after_rows(self, database: Database, origin: Origin) -> Iterable[Node]:
        """Among equal events the new one has the higher id."""
        columns = [getattr(staged.c, name) for name in _EVENT_COLUMNS[1:]]
        found = staged_models.c.import_index == staged.c.import_index
        best = staged.select(IMPORT_ID, *columns).join(staged_models, on=found)
        return [_upsert(database, best, where=spec_rank(EXCLUDED) >= spec_rank(GPUModel))]

    def after_change(self, database: Database, import_id: str, kind: str) -> Iterable[Node]:
        """After a rollback, models with specs from the import get those of another event, or are
        removed if no event is left. After a restore, the import's events are compared with those
        from which the specs come now."""
        if kind == ROLLBACK:
            return _replace_specs_of(database, import_id)
        named = GPUModel.select(GPUModel.import_id, GPUModel.import_index)
        is_named = Expression(
            Tuple(ScoredListing.import_id, ScoredListing.import_index), OP.IN, named
        )
        return [
            _upsert(
                database, _best_events(database, (ScoredListing.import_id == import_id) | is_named)
            )
        ]

    def faults(self, archive: Database) -> Iterator[str]:
        shown = (GPUModel._meta.columns[name] for name in _SHOWN)
        best = _best_events(archive, ScoredListing.import_id.in_(_counting())).alias("latest")
        due = best.select_from(best.c.model, *(getattr(best.c, name) for name in _SHOWN))
        yield from _differences(archive, GPUModel.select(GPUModel.canonical_model, *shown), due)


def _replace_specs_of(database: Database, import_id: str) -> Iterator[Node]:
    fallen = GPUModel.select(caseless(database, GPUModel.canonical_model)).where(
        GPUModel.import_id == import_id
    )
    names = [name for (name,) in database.execute(fallen)]
    yield GPUModel.delete().where(GPUModel.import_id == import_id)
    if names:
        of_model = Expression(caseless(database, ScoredListing.model), OP.IN, names)
        yield _upsert(
            database, _best_events(database, of_model & ScoredListing.import_id.in_(_counting()))
        )


def _differences(archive: Database, stored: Select, due: Select) -> Iterator[str]:
    said, wanted = (
        {name: tuple(row) for name, *row in archive.execute(query)} for query in (stored, due)
    )
    for name in sorted(said.keys() | wanted.keys(), key=str):
        if said.get(name) != wanted.get(name):
            yield (
                f"model {name}: models says {said.get(name)}, the events give {wanted.get(name)}"
            )


def _counting() -> Select:
    return ImportBatch.select(ImportBatch.import_id).where(ImportBatch.rolled_back_at.is_null())


def _best_events(database: Database, among: Any) -> Any:
    """For each model the event from which its specs come."""
    columns = {name: ScoredListing._meta.columns[name] for name in _EVENT_COLUMNS}
    position = fn.ROW_NUMBER().over(
        partition_by=[caseless(database, ScoredListing.model)],
        order_by=[spec_rank(ScoredListing).desc(), ScoredListing.id.desc()],
    )
    named = [column.alias(name) for name, column in columns.items()]
    ranked = ScoredListing.select(*named, position.alias("rank")).where(among).alias("ranked")
    return ranked.select_from(*(getattr(ranked.c, name) for name in _EVENT_COLUMNS)).where(
        ranked.c.rank == 1
    )


def _upsert(database: Database, rows: Any, where: Any = None) -> Node:
    update = {column: getattr(EXCLUDED, column.column_name) for column in _MODEL_FIELDS}
    target = [caseless(database, GPUModel.canonical_model)]
    statement: Node = GPUModel.insert_from(rows, _MODEL_FIELDS).on_conflict(
        conflict_target=target, update=update, where=where
    )
    return statement
