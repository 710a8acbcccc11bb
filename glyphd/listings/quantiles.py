"""Quantiles: what they are here, in SQL and in Python.

The quantile at the fraction f of n values is at the position 1 + f · (n − 1) among them in order,
and between two of them it is interpolated linearly. That is PostgreSQL's `percentile_cont`,
`statistics.quantiles` with the method "inclusive", and PERCENTILE.INC of spreadsheets. So the
median is the value in the middle, or the mean of the two there.

SQL picks the two values around the position, Python interpolates: the numbers are the same on both
databases to the last digit.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import isinf
from typing import Any

from peewee import Case, fn

QUANTILES: Mapping[str, Fraction] = {
    "p10": Fraction(1, 10),
    "p25": Fraction(1, 4),
    "median": Fraction(1, 2),
    "p75": Fraction(3, 4),
    "p90": Fraction(9, 10),
}
_PARTS = 20
"""Every fraction is so many twentieths, a whole number of them."""


def is_near(rank: Any, size: Any) -> Any:
    """Condition: a value with this rank (1, 2, …) among `size` ones is one of those that the
    QUANTILES may be made of.

    One look at each row instead of one for each quantile. In twentieths of a step the positions are
    the multiples of size − 1; a value is used if one of these is less than a step away from it.
    """
    steps = Case(None, [(size > 1, size - 1)], 1)
    after, before = rank * _PARTS - 1, (rank - 2) * _PARTS - 1
    # A step is added to both, because integer division of a negative number rounds up.
    return (after + steps) / steps > (before + steps) / steps


def picked(name: str, value: Any, rank: Any, size: Any) -> list[Any]:
    """Two aggregates over a group's rows: the values around the quantile's position. The second is
    null if nothing follows the first."""
    fraction = QUANTILES[name]
    before = (size - 1) * fraction.numerator / fraction.denominator
    return [fn.MAX(Case(None, [(rank == before + number, value)])) for number in (1, 2)]


def quantile_of(name: str, values: Sequence[float]) -> float:
    """The quantile of values in order, of which there is one at least."""
    fraction = QUANTILES[name]
    place = (len(values) - 1) * fraction.numerator // fraction.denominator
    return interpolated(name, len(values), *values[place : place + 2])


def interpolated(name: str, size: int, low: float, high: float | None = None) -> float:
    """The quantile of `size` values, from those that `picked` finds."""
    fraction = QUANTILES[name]
    parts = fraction.denominator
    part = (size - 1) * fraction.numerator % parts
    if not part or high is None:
        return low
    between = (low * (parts - part) + high * part) / parts
    if isinf(between):
        between = low / parts * (parts - part) + high / parts * part
    return min(max(between, low), high)  # rounding must not leave the two
