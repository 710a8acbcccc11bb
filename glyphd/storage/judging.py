"""How a complete stage changes, or would change, the market: counted before it is written."""

from typing import Any

from peewee import SQL, Case, Database, Node, fn

from glyphd.db.archive_models import Standing
from glyphd.db.compiled import compiled
from glyphd.db.dialects import unindexed
from glyphd.storage.batches import Batch
from glyphd.storage.gone_counts import count_gone
from glyphd.storage.grouping import staged_groups
from glyphd.storage.oddities import find_oddities
from glyphd.storage.predecessors import Origin, predecessors
from glyphd.storage.stage_tables import staged
from glyphd.storage.staging import Stage

EFFECTS = ("new", "changed", "unchanged", "older", "indistinct", "gone", "back")


def judge(stage: Stage, origin: Origin, batch: Batch) -> dict[str, Any]:
    """`summary`, `effect` and `warnings` of the staged rows. Needs the table of predecessors to be
    filled."""
    database = stage.database
    known, not_offers = _effects(database)
    found = dict(known.execute(database).fetchall())
    # All other offers are unknown ones: looking them up would mean reading the whole stage.
    offers = stage.count - not_offers.execute(database).fetchone()[0]
    found["new"] = offers - sum(count for effect, count in found.items() if effect != "new")
    found["gone"], found["back"] = count_gone(stage, origin, batch)
    return {
        "summary": stage.summary or None,
        "effect": {name: found.get(name, 0) for name in EFFECTS},
        "warnings": find_oddities(stage, origin, batch.source),
    }


@compiled
def _effects(database: Database) -> list[Node]:
    """How many of the known offers are changed, unchanged, older than what is known, or can't be
    compared; and how many rows are not the import's latest observation of their listing."""
    moved = (staged.c.price_usd != predecessors.c.price_usd) | (
        staged.c.score != predecessors.c.score
    )
    cases = [
        (predecessors.c.event_id.is_null(), "new"),
        (predecessors.c.is_late == 1, "older"),
        (predecessors.c.is_compared == 0, "indistinct"),
        (moved, "changed"),
    ]
    effect = Case(None, cases, "unchanged")
    of_each = staged.c.import_index == unindexed(database, predecessors.c.import_index)
    known = predecessors.select(effect, fn.COUNT(SQL("*"))).join(staged, on=of_each)
    known = known.where(staged.c.standing == Standing.LAST.value).group_by(SQL("1"))
    others = staged_groups.select(fn.COUNT(SQL("*")))
    return [known, others.where(staged_groups.c.standing != Standing.LAST.value)]
