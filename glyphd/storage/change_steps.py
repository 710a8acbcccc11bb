"""Change steps: how far an observation's price moved from the previous one, in coarse steps, so
that an index can find it.

An event's `change_step` is null if neither price nor score changed, and NEW_STEP if it is the first
observation of a distinct offer. Within one step the index has the events in time order, so changes
of at least a given percentage are a merge of a few steps.
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

_TINY, _ENLARGEMENT = 1e-200, 1e100
"""A percentage of a very small price may be too small for a double, and is an error on PostgreSQL
if it is rounded to 0. Prices below the first of these are enlarged by the second."""

_LEAST, _MOST = 1e-100, 1e100


def steps_from(percent: float) -> range:
    """The steps that can have changes of at least this percentage, up or down; only the lowest can
    also have others.

    Step 0 also has changes without a percentage: from a price of 0, or of a score only.
    """
    return range(bisect_right(BOUNDS, percent), STEPS.stop)


def may_have_moved(earlier: Any, later: Any, percent: float) -> Any:
    """Condition, in SQL: the price moved by at least about this percentage; works even if the
    percentage of the earlier price is not a double."""
    share = earlier.price_usd * min(percent / 100, _MOST)
    least = Case(None, [(earlier.price_usd.between(_LEAST, _MOST), share)], 0)
    return _moved(earlier, later) >= least


def step_between(earlier: Any, later: Any) -> Case:
    """The step, in SQL, of an observation `later` that follows `earlier`; both have `price_usd` and
    `score`.

    Null if there is no earlier one.
    """
    price, moved = earlier.price_usd, _moved(earlier, later)
    same = (price == later.price_usd) & (earlier.score == later.score)
    # A tiny price that changed by more than the largest tiny price has more than doubled.
    enlarged = _steps(price * _ENLARGEMENT, moved * _ENLARGEMENT, [(moved >= _TINY, len(BOUNDS))])
    special = [(price.is_null() | same, None), (price == 0, 0), (price < _TINY, enlarged)]
    return _steps(price, moved, special)


def _steps(price: Any, moved: Any, special: list[tuple[Any, Any]]) -> Case:
    steps = [(moved < price * (bound / 100), step) for step, bound in enumerate(BOUNDS)]
    return Case(None, [*special, *steps], len(BOUNDS))


def _moved(earlier: Any, later: Any) -> Any:
    return fn.ABS(later.price_usd - earlier.price_usd)
