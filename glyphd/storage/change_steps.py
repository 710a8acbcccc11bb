"""Change steps: how far an observation's price moved from the one before, coarsely, so that an
index can find it.

An event's `change_step` is null when nothing changed (neither price nor score, or no observation
before it). Within one step the index has the events in time order, so changes of at least so many
percent are a merge of a few steps.
"""

from bisect import bisect_right
from typing import Any

from peewee import Case, fn

BOUNDS = (0.9, 1.9, 4.9, 9.9, 14.9, 19.9, 29.9, 49.9, 99.9)
"""Percent of the earlier price; step N lies from bound N - 1 to bound N. A little below what people
ask for, so that a question for 10 % need not look through the step below it for what rounding put
there."""

STEPS = range(len(BOUNDS) + 1)


def steps_from(percent: float) -> range:
    """The steps that may hold changes of at least so many percent, up or down; only the lowest may
    hold others too.

    Step 0 also has what has no percentage: a price that was 0, a score alone.
    """
    return range(bisect_right(BOUNDS, percent), STEPS.stop)


def step_between(earlier: Any, later: Any) -> Case:
    """The step, in SQL, of an observation `later` that follows `earlier`; both have `price_usd` and
    `score`.

    Null where there is no earlier one.
    """
    moved = fn.ABS(later.price_usd - earlier.price_usd)
    steps = [(moved < earlier.price_usd * (bound / 100), step) for step, bound in enumerate(BOUNDS)]
    same = (earlier.price_usd == later.price_usd) & (earlier.score == later.score)
    is_first = earlier.price_usd.is_null()
    return Case(None, [(is_first | same, None), (earlier.price_usd == 0, 0), *steps], len(BOUNDS))
