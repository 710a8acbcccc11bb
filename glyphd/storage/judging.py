"""What a complete stage is about, and what it does, or would do, to the market: counted before it is written."""

from typing import Any

from peewee import JOIN, SQL, Case, Database, fn

from glyphd.db.archive_models import Standing
from glyphd.storage.oddities import find_oddities
from glyphd.storage.predecessors import Origin, predecessors
from glyphd.storage.staged_models import count_models
from glyphd.storage.staging import Stage, staged

EFFECTS = ("new", "changed", "unchanged", "older", "indistinct")
TOP_MODELS = 5


def judge(database: Database, stage: Stage, origin: Origin) -> dict[str, Any]:
    """`summary`, `effect` and `warnings` of the staged rows. Needs the table of predecessors to be filled."""
    summary = _summary(database, stage.count())
    return {
        "summary": summary,
        "effect": _effect(database),
        "warnings": find_oddities(database, origin, rows=stage.count(), median_score=summary["median_score"]),
    }


def _effect(database: Database) -> dict[str, int]:
    """How many offers are new, changed, unchanged, seen before what is known, or can't be compared."""
    moved = (staged.c.price_usd != predecessors.c.price_usd) | (staged.c.score != predecessors.c.score)
    cases = [
        (predecessors.c.event_id.is_null(), "new"),
        (predecessors.c.is_late == 1, "older"),
        (predecessors.c.is_compared == 0, "indistinct"),
        (moved, "changed"),
    ]
    effect = Case(None, cases, "unchanged")
    of_each = predecessors.c.import_index == staged.c.import_index
    offers = staged.select(effect, fn.COUNT(SQL("*"))).join(predecessors, JOIN.LEFT_OUTER, on=of_each)
    counted = offers.where(staged.c.standing == Standing.LAST.value).group_by(SQL("1"))
    found = dict(database.execute(counted).fetchall())
    return {name: found.get(name, 0) for name in EFFECTS}


def _summary(database: Database, rows: int) -> dict[str, Any]:
    price, score = staged.c.price_usd, staged.c.score
    bounds = staged.select(fn.MIN(price), fn.MAX(price), fn.MIN(score), fn.MAX(score))
    lowest_price, highest_price, lowest_score, highest_score = database.execute(bounds).fetchone()
    sellers = staged.select(fn.LOWER(staged.c.seller)).where(staged.c.seller.is_null(False)).distinct().alias("sellers")
    return {
        "lowest_price": lowest_price,
        "median_price": _median(database, price, rows),
        "highest_price": highest_price,
        "lowest_score": lowest_score,
        "median_score": _median(database, score, rows),
        "highest_score": highest_score,
        "models": count_models(database),
        "sellers": _count(database, sellers),
        "top_models": _top_models(database),
    }


def _median(database: Database, column: Any, rows: int) -> float:
    """The middle value; of an even number of rows the mean of the two in the middle."""
    middle = staged.select(column).order_by(column).limit(2 - rows % 2).offset((rows - 1) // 2)
    values = [value for (value,) in database.execute(middle)]
    return float(sum(value / len(values) for value in values))


def _top_models(database: Database) -> list[dict[str, Any]]:
    """The most frequent ones, each spelled as where it is first."""
    key = fn.LOWER(staged.c.model)
    ranked = staged.select(fn.MIN(staged.c.import_index), fn.COUNT(SQL("*")).alias("count")).group_by(key)
    top = database.execute(ranked.order_by(SQL("2 DESC"), SQL("1")).limit(TOP_MODELS)).fetchall()
    spelled = staged.select(staged.c.import_index, staged.c.model).where(
        staged.c.import_index.in_([index for index, _ in top])
    )
    names = dict(database.execute(spelled).fetchall())
    return [{"model": names[index], "count": count} for index, count in top]


def _count(database: Database, found: Any) -> int:
    return int(database.execute(found.select_from(fn.COUNT(SQL("*")))).fetchone()[0])
