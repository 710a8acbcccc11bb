"""Summaries of prices and scores for groups of observations, computed in the database."""

from collections.abc import Sequence
from math import isinf
from typing import Any

from peewee import SQL, Case, Select, fn

SUMMARY_COLUMNS = (
    "listing_count",
    "min_price",
    "median_price",
    "max_price",
    "avg_price",
    "min_score",
    "median_score",
    "max_score",
    "last_seen_at",
)

OBSERVED = ("price_usd", "score", "seen_at")
"""The columns of an observation besides the `key` of its group."""

AVERAGE_DECIMALS = 6
_NOISE_DECIMALS = 9
_LARGEST_SUMMED = 1e290
"""A higher price counts as this in an average, because a sum of doubles must not overflow, which is
an error on PostgreSQL."""


def summarise(observations: Select, *, after: str | None = None) -> Any:
    """One row for each `key` of the observations after `after`: the key, then the columns that
    `summary_row` reads.

    A median is given as the two values in the middle, which are the same if the count is odd.
    """
    ranked = _ranked(observations)
    key, price, score = ranked.c.key, ranked.c.price_usd, ranked.c.score
    query = ranked.select_from(
        key,
        fn.COUNT(SQL("*")).alias("listing_count"),
        fn.SUM(Case(None, [(price > _LARGEST_SUMMED, _LARGEST_SUMMED)], price)).alias("price_sum"),
        *_spread(price, ranked.c.price_rank, ranked.c.size),
        *_spread(score, ranked.c.score_rank, ranked.c.size),
        fn.MAX(ranked.c.seen_at).alias("last_seen_at"),
    )
    return query.group_by(key) if after is None else query.where(key > after).group_by(key)


SUMMARY_FIELDS = (
    "listing_count",
    "price_sum",
    *(f"{name}_price_usd" for name in ("min", "low", "high", "max")),
    *(f"{name}_score" for name in ("min", "low", "high", "max")),
    "last_seen_at",
)
"""The columns of `summarise` after its key."""


def summary_row(fields: Sequence[Any]) -> list[Any]:
    """The values of SUMMARY_COLUMNS, from those of SUMMARY_FIELDS."""
    count, price_sum, *spreads, last_seen_at = fields
    least, low, high, most = spreads[:4]
    least_score, low_score, high_score, most_score = spreads[4:]
    prices = [least, _middle(low, high), most, _average(price_sum, count, least, most)]
    return [count, *prices, least_score, _middle(low_score, high_score), most_score, last_seen_at]


def _ranked(observations: Select) -> Any:
    """The observations with their ranks by price and by score in their group (1, 2, …), and the
    group's size."""
    observed = observations.alias("observed")
    key = observed.c.key
    ranks = {
        "price_rank": fn.ROW_NUMBER().over(partition_by=[key], order_by=[observed.c.price_usd]),
        "score_rank": fn.ROW_NUMBER().over(partition_by=[key], order_by=[observed.c.score]),
        "size": fn.COUNT(SQL("*")).over(partition_by=[key]),
    }
    values = [getattr(observed.c, name) for name in OBSERVED]
    return observed.select_from(
        key, *values, *(rank.alias(name) for name, rank in ranks.items())
    ).alias("ranked")


def _spread(value: Any, rank: Any, size: Any) -> list[Any]:
    """The smallest, the two in the middle and the largest. Rank r of n is in the middle if n ≤ 2r ≤
    n + 2."""
    middle = Case(None, [((rank * 2).between(size, size + 2), value)])
    numbers = {
        "min": fn.MIN(value),
        "low": fn.MIN(middle),
        "high": fn.MAX(middle),
        "max": fn.MAX(value),
    }
    return [number.alias(f"{name}_{value.name}") for name, number in numbers.items()]


def _middle(low: float, high: float) -> float:
    mean = (low + high) / 2
    return low / 2 + high / 2 if isinf(mean) else mean


def _average(total: float, count: int, least: float, most: float) -> float:
    """Rounded twice: databases add in different orders, and this noise must not affect how a half
    is rounded."""
    mean = min(max(total / count, least), most)
    return round(round(mean, _NOISE_DECIMALS), AVERAGE_DECIMALS)
