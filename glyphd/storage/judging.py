"""How a complete stage changes, or would change, the market: counted before it is written."""

from typing import Any

from peewee import SQL, Case, Database, fn

from glyphd.db.archive_models import Standing
from glyphd.db.dialects import unindexed
from glyphd.storage.grouping import staged_groups
from glyphd.storage.oddities import find_oddities
from glyphd.storage.predecessors import Origin, predecessors
from glyphd.storage.staging import Stage, staged

EFFECTS = ("new", "changed", "unchanged", "older", "indistinct")


def judge(database: Database, stage: Stage, origin: Origin) -> dict[str, Any]:
    """`summary`, `effect` and `warnings` of the staged rows. Needs the table of predecessors to be
    filled."""
    summary = stage.summary()
    return {
        "summary": summary,
        "effect": _effect(database, stage.count()),
        "warnings": find_oddities(
            database, origin, rows=stage.count(), median_score=summary["median_score"]
        ),
    }


def _effect(database: Database, rows: int) -> dict[str, int]:
    """How many offers are new, changed, unchanged, older than what is known, or can't be compared.

    The new ones are all the others, because looking them up would read the whole stage.
    """
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
    counted = known.where(staged.c.standing == Standing.LAST.value).group_by(SQL("1"))
    found = dict(database.execute(counted).fetchall())
    found["new"] = _offers(database, rows) - sum(
        count for effect, count in found.items() if effect != "new"
    )
    return {name: found.get(name, 0) for name in EFFECTS}


def _offers(database: Database, rows: int) -> int:
    """How many of the staged rows are their import's latest observation of a listing."""
    others = staged_groups.select(fn.COUNT(SQL("*"))).where(
        staged_groups.c.standing != Standing.LAST.value
    )
    return rows - int(database.execute(others).fetchone()[0])
