"""Ratios that are computed from one row, such as its score for its price.

Each is null if its divisor is 0 or missing, or if a number is so large or so small that the
quotient might not be a double, which is an error on PostgreSQL.
"""

from typing import Any

from peewee import Case

LEAST, MOST = 1e-100, 1e100
"""Dividend and divisor are between these, or 0."""


def score_per_1000_usd(event: Any) -> Any:
    """Expression: the score for 1000 dollars."""
    can = _is_plain(event.score) & _can_divide(event.price_usd)
    return Case(None, [(can, event.score * 1000 / event.price_usd)], None)


def usd_per_gb(event: Any) -> Any:
    """Expression: the price of a gigabyte of video memory."""
    can = _is_plain(event.price_usd) & (event.vram_gb > 0)
    return Case(None, [(can, event.price_usd / event.vram_gb)], None)


def percent_above(price: Any, other: Any) -> Any:
    """Expression: by how many percent the price is above another one."""
    can = _is_plain(price) & _can_divide(other)
    return Case(None, [(can, difference_pct(price, other))], None)


def difference_pct(price: Any, other: Any) -> Any:
    """The same without the check, for numbers or expressions."""
    return (price - other) / other * 100


def _is_plain(number: Any) -> Any:
    return (number == 0) | number.between(LEAST, MOST) | number.between(-MOST, -LEAST)


def _can_divide(number: Any) -> Any:
    return number.between(LEAST, MOST)
