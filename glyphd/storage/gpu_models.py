"""The `models` table: each GPU model's latest known specs, those of one event. Derived, never the truth.

That event is, of the model's events that count, the latest by `seen_at`, then by `id`, among those with any specs; if
none has any, among all.
"""

from functools import reduce
from operator import or_
from typing import Any

from peewee import EXCLUDED, OP, Case, Database, Expression, Node, Select, Tuple, Value, fn

from glyphd.db.archive_models import GPUModel, ImportBatch, ScoredListing
from glyphd.db.dialects import caseless
from glyphd.storage.staged_models import SPECS, staged_models
from glyphd.storage.staging import staged

_EVENT_COLUMNS = ("import_id", "model", *SPECS, "seen_at", "import_index")
_MODEL_FIELDS = [GPUModel._meta.columns[name] for name in ("import_id", "canonical_model", *_EVENT_COLUMNS[2:])]


def update_models(database: Database, import_id: str) -> Node:
    """The statement that takes the specs of the staged rows in, where they are the latest."""
    columns = [getattr(staged.c, name) for name in _EVENT_COLUMNS[1:]]
    found = staged_models.c.import_index == staged.c.import_index
    latest = staged.select(Value(import_id), *columns).join(staged_models, on=found)
    newer = (_lacks_specs(EXCLUDED) < _lacks_specs(GPUModel)) | (
        (_lacks_specs(EXCLUDED) == _lacks_specs(GPUModel)) & (EXCLUDED.seen_at >= GPUModel.seen_at)
    )
    return _upsert(database, latest, where=newer)


def forget_specs_of(database: Database, import_id: str) -> None:
    """Gives every model whose specs came from this import, which no longer counts, the latest of those that do.

    A model that no event is left of goes.
    """
    fallen = GPUModel.select(caseless(database, GPUModel.canonical_model)).where(GPUModel.import_id == import_id)
    names = [name for (name,) in database.execute(fallen)]
    database.execute(GPUModel.delete().where(GPUModel.import_id == import_id))
    counts = ImportBatch.select(ImportBatch.import_id).where(ImportBatch.rolled_back_at.is_null())
    of_model = Expression(caseless(database, ScoredListing.model), OP.IN, names)
    if names:
        _take_best(database, of_model & ScoredListing.import_id.in_(counts))


def recall_specs_of(database: Database, import_id: str) -> None:
    """Lets the events of this import, which counts again, vie with those that the specs come from now."""
    named = GPUModel.select(GPUModel.import_id, GPUModel.import_index)
    is_named = Expression(Tuple(ScoredListing.import_id, ScoredListing.import_index), OP.IN, named)
    _take_best(database, (ScoredListing.import_id == import_id) | is_named)


def stored_specs() -> Select:
    """Every model's name with its specs and the event that they come from."""
    columns = [GPUModel._meta.columns[name] for name in (*_EVENT_COLUMNS[2:], "import_id")]
    return GPUModel.select(GPUModel.canonical_model, *columns)


def specs_due(database: Database) -> Select:
    """The same, as the events that count make it."""
    counts = ImportBatch.select(ImportBatch.import_id).where(ImportBatch.rolled_back_at.is_null())
    latest = _best_by_model(database, ScoredListing.import_id.in_(counts)).alias("latest")
    shown = [getattr(latest.c, name) for name in (*_EVENT_COLUMNS[2:], "import_id")]
    due: Select = latest.select_from(latest.c.model, *shown)
    return due


def _take_best(database: Database, among: Any) -> None:
    database.execute(_upsert(database, _best_by_model(database, among)))


def _best_by_model(database: Database, among: Any) -> Any:
    """One event for each model: with specs before without, then the latest seen, then the one with the highest id."""
    columns = {name: ScoredListing._meta.columns[name] for name in _EVENT_COLUMNS}
    rank = fn.ROW_NUMBER().over(
        partition_by=[caseless(database, ScoredListing.model)],
        order_by=[_lacks_specs(ScoredListing), ScoredListing.seen_at.desc(), ScoredListing.id.desc()],
    )
    named = [column.alias(name) for name, column in columns.items()]
    ranked = ScoredListing.select(*named, rank.alias("rank")).where(among).alias("ranked")
    return ranked.select_from(*(getattr(ranked.c, name) for name in _EVENT_COLUMNS)).where(ranked.c.rank == 1)


def _upsert(database: Database, rows: Any, where: Any = None) -> Node:
    update = {column: getattr(EXCLUDED, column.column_name) for column in _MODEL_FIELDS}
    target = [caseless(database, GPUModel.canonical_model)]
    statement: Node = GPUModel.insert_from(rows, _MODEL_FIELDS).on_conflict(
        conflict_target=target, update=update, where=where
    )
    return statement


def _lacks_specs(row: Any) -> Any:
    """0 for a row with any specs, else 1."""
    return Case(None, [(reduce(or_, [getattr(row, name).is_null(False) for name in SPECS]), 0)], 1)
