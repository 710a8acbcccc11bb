"""How much a number changed, computed in decimal from the shortest form of the doubles, so that 0.3
- 0.1 is 0.2."""

import sys
from decimal import Context, Decimal

PERCENT_DECIMALS = 6

_LARGEST = sys.float_info.max
_EXACT = Context(prec=1000)
"""Wide enough for the difference of any two doubles: the largest has 309 digits, the smallest 324
decimals."""
_QUOTIENT = Context(prec=60)
_STEP = Decimal(1).scaleb(-PERCENT_DECIMALS)


def difference(old: float, new: float) -> float:
    """`new` minus `old`, computed exactly and then rounded to the nearest double; beyond that, the
    largest double."""
    return _as_float(_EXACT.subtract(Decimal(repr(new)), Decimal(repr(old))))


def change_pct(old: float, new: float) -> float | None:
    """The change in percent of `old`, rounded to six decimals (half to even). None if `old` is
    0."""
    if not old:
        return None
    before = Decimal(repr(old))
    delta = _EXACT.subtract(Decimal(repr(new)), before)
    percent = _QUOTIENT.divide(delta.scaleb(2, _EXACT), before)
    return _as_float(percent.quantize(_STEP, context=_EXACT))


def _as_float(value: Decimal) -> float:
    """Finite, because JSON has no infinity, and never `-0.0`."""
    return max(-_LARGEST, min(_LARGEST, float(value))) + 0.0
