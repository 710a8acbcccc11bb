"""The definition of quantiles, in SQL and in Python.

The quantile at the fraction f of n sorted values is at the position 1 + f · (n − 1); between two
values it is interpolated linearly. That is PostgreSQL's `percentile_cont`, `statistics.quantiles`
with the method "inclusive", and PERCENTILE.INC of spreadsheets. So the median is the middle value,
or the mean of the two middle ones.

SQL picks the two values around the position, Python interpolates: the numbers are the same on both
databases to the last digit.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import isinf
from typing import Any

QUANTILES: Mapping[str, Fraction] = {
    "p10": Fraction(1, 10),
    "p25": Fraction(1, 4),
    "median": Fraction(1, 2),
    "p75": Fraction(3, 4),
    "p90": Fraction(9, 10),
}


def rank_before(name: str, size: Any) -> Any:
    """Expression: the rank (1, 2, …) of the value at or before the quantile's position among `size`
    values. The other one has the next rank."""
    fraction = QUANTILES[name]
    return (size - 1) * fraction.numerator / fraction.denominator + 1


def quantile_of(name: str, values: Sequence[float]) -> float:
    """The quantile of sorted values, of which there is at least one."""
    fraction = QUANTILES[name]
    place = (len(values) - 1) * fraction.numerator // fraction.denominator
    return interpolated(name, len(values), *values[place : place + 2])


def interpolated(name: str, size: int, low: float, high: float | None = None) -> float:
    """The quantile of `size` values, from the two around its position; there is no second one after
    the last value."""
    fraction = QUANTILES[name]
    parts = fraction.denominator
    part = (size - 1) * fraction.numerator % parts
    if not part or high is None:
        return low
    between = (low * (parts - part) + high * part) / parts
    if isinf(between):
        between = low / parts * (parts - part) + high / parts * part
    return min(max(between, low), high)  # rounding must not go beyond the two
