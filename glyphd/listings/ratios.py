"""Numbers that are computed from one row: what it gives for its price.

Each is null where its divisor is 0 or missing, and where a number is so large or so small that the
quotient might not be a double, which is an error on PostgreSQL.
"""

from typing import Any

from peewee import Case

_LEAST, _MOST = 1e-100, 1e100


def score_per_1000_usd(event: Any) -> Any:
    """Expression: the score for 1000 dollars."""
    is_plain = _is_plain(event.score) & _can_divide(event.price_usd)
    return Case(None, [(is_plain, event.score * 1000 / event.price_usd)], None)


def usd_per_gb(event: Any) -> Any:
    """Expression: the price of a gigabyte of video memory."""
    is_plain = _is_plain(event.price_usd) & _can_divide(event.vram_gb)
    return Case(None, [(is_plain, event.price_usd / event.vram_gb)], None)


def _is_plain(number: Any) -> Any:
    return (number == 0) | number.between(_LEAST, _MOST) | number.between(-_MOST, -_LEAST)


def _can_divide(number: Any) -> Any:
    return number.between(_LEAST, _MOST)
