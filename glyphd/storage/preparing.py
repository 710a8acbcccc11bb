"""What must be known before a stage is written: the events that its rows follow, its effect on the
market, and the order of its rows by time.

Nothing of it is written into the archive, so that a large import can prepare it before it waits for
the write lock.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from peewee import Database, Node, fn

from glyphd.contracts.texts import fold_ascii
from glyphd.db.archive_models import ScoredListing
from glyphd.db.archive_versions import read_version
from glyphd.db.compiled import compiled
from glyphd.db.dialects import analyze, uncommitted
from glyphd.errors import FewerRows
from glyphd.plurals import counted
from glyphd.storage.batches import Batch
from glyphd.storage.derived.all_facts import FACTS
from glyphd.storage.judging import judge
from glyphd.storage.oddities import last_import
from glyphd.storage.predecessors import Origin, find_predecessors, origin_of
from glyphd.storage.stage_tables import PREDECESSOR_TABLES, empty_prepared
from glyphd.storage.staging import Stage

PREPARED_SHARE = 0.3
"""The share of the work on a stage that is done when it is prepared."""

Step = Callable[[float], None]
"""Is called before each statement with the share that is done (0 to 1), which can go back when a
stage is prepared again; may raise to roll everything back."""


def no_step(done: float) -> None:
    """Does nothing."""


@dataclass(frozen=True)
class Prepared:
    """What is known about a stage, in the state of the archive that `version` names. The rest is in
    the stage's tables.

    `parameters` are those of the statements that write it, and `result` is stored with its batch.
    """

    version: str
    origin: Origin
    last_event_id: int
    parameters: Mapping[str, Any]
    result: Mapping[str, Any]


def prepare(database: Database, stage: Stage, batch: Batch, *, step: Step) -> Prepared:
    """Runs in the caller's transaction. Raises FewerRows for a complete file that has far fewer
    rows than its source's last import."""
    version = read_version(database)
    if stage.is_large:  # it may have been prepared before
        empty_prepared(database)
    (finding_last,) = _last_event(database)
    last = finding_last.execute(database).fetchone()[0] or 0
    parameters = {
        "import_id": batch.import_id,
        "schema_version": batch.schema_version,
        "top": last + stage.bounds[1] + 1,
        "source": fold_ascii(batch.source or ""),
    }
    origin = _find(database, stage, batch, step=step)
    step(PREPARED_SHARE * 0.5)
    result = _judged(stage, origin, batch)
    for statement in _sorting(database, origin):
        step(PREPARED_SHARE * 0.75)
        statement.execute(database, **parameters)
    return Prepared(version, origin, last, parameters, result)


def foresee(database: Database, stage: Stage, batch: Batch) -> dict[str, Any]:
    """What `write_batch` would store in `result` besides the findings, without writing anything.
    Raises FewerRows like it."""
    with uncommitted(database), stage.room():
        return judge(stage, _find(database, stage, batch, step=no_step), batch)


def _find(database: Database, stage: Stage, batch: Batch, *, step: Step) -> Origin:
    """Fills the tables of predecessors."""
    require_rows(database, stage, batch)
    origin, source = origin_of(stage, batch.source), fold_ascii(batch.source or "")
    statements = _finding(database, origin)
    for number, (table, statement) in enumerate(zip(PREDECESSOR_TABLES, statements, strict=True)):
        step(PREPARED_SHARE * 0.5 * number / len(statements))
        statement.execute(database, source=source)
        analyze(database, table)
    return origin


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


def _judged(stage: Stage, origin: Origin, batch: Batch) -> Mapping[str, Any]:
    """What the batch stores: the effect of its rows too, unless it was determined earlier."""
    result = batch.result
    if result.get("effect") is not None:
        return result
    judged = judge(stage, origin, batch)
    return {**result, **judged, "warnings": [*(result.get("warnings") or ()), *judged["warnings"]]}


@compiled
def _last_event(database: Database) -> list[Node]:
    return [ScoredListing.select(fn.MAX(ScoredListing.id))]


@compiled
def _finding(database: Database, origin: Origin) -> list[Node]:
    return find_predecessors(database, origin)


@compiled
def _sorting(database: Database, origin: Origin) -> list[Node]:
    return [statement for fact in FACTS for statement in fact.prepare_rows(database, origin)]
