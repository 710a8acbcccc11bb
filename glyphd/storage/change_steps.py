"""Change steps: how far an observation's price moved from the previous one, in coarse steps, so
that an index can find it.

An event's `change_step` is null when nothing changed (neither price nor score), and NEW_STEP when
it is the first observation of a distinct offer. Within one step the index has the events in time
order, so changes of at least a given percentage are a merge of a few steps.
"""

from bisect import bisect_right
from typing import Any

from peewee import Case, fn

BOUNDS = (0.9, 1.9, 4.9, 9.9, 14.9, 19.9, 29.9, 49.9, 99.9)
"""Percent of the earlier price; step N lies from bound N - 1 to bound N. The bounds are a little
below round numbers, so that a query for 10 % need not search the step below for changes that were
rounded down."""

STEPS = range(len(BOUNDS) + 1)
NEW_STEP = STEPS.stop


def steps_from(percent: float) -> range:
    """The steps that can have changes of at least this percentage, up or down; only the lowest can
    also have others.

    Step 0 also has changes without a percentage: from a price of 0, or of a score only.
    """
    return range(bisect_right(BOUNDS, percent), STEPS.stop)


def step_between(earlier: Any, later: Any) -> Case:
    """The step, in SQL, of an observation `later` that follows `earlier`; both have `price_usd` and
    `score`.

    Null if there is no earlier one.
    """
    moved = fn.ABS(later.price_usd - earlier.price_usd)
    steps = [(moved < earlier.price_usd * (bound / 100), step) for step, bound in enumerate(BOUNDS)]
    same = (earlier.price_usd == later.price_usd) & (earlier.score == later.score)
    is_first = earlier.price_usd.is_null()
    return Case(None, [(is_first | same, None), (earlier.price_usd == 0, 0), *steps], len(BOUNDS))
