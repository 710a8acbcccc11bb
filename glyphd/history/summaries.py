"""Summaries of prices and scores for groups of observations, computed in the database."""

from collections.abc import Sequence
from functools import reduce
from operator import and_
from typing import Any

from peewee import JOIN, SQL, Case, Database, Select, fn

from glyphd.db.dialects import caseless
from glyphd.listings.quantiles import QUANTILES, interpolated, rank_before
from glyphd.listings.ratios import score_per_1000_usd

AVERAGE_DECIMALS = 6
_NOISE_DECIMALS = 9
_LARGEST_SUMMED = 1e290
"""Larger numbers count as this one in an average, because a sum of doubles must not overflow, which
is an error on PostgreSQL."""

_MEASURES = ("price", "score", "score_per_1000_usd")


class Summary:
    """Some columns of summaries: `listing_count`, `seller_count`, `last_seen_at`, and statistics of
    measures, such as `median_price`. A row without a price is not an observation.

    `flags` are columns that count the rows with a 1 in the column of this name, `shared` are those
    that have the same value in each row of a group.
    """

    def __init__(
        self, *columns: str, flags: Sequence[str] = (), shared: Sequence[str] = ()
    ) -> None:
        self.columns = (*columns, *flags, *shared)
        self.flags = flags
        self._shared = shared
        self._asked = {measure: _statistics_of(measure, columns) for measure in _MEASURES}
        self._counts_sellers = "seller_count" in columns

    def nothing(self) -> list[Any]:
        """The same columns as of `observed`, without an observation."""
        names = ["price", "score", "seen_at"]
        names += ["score_per_1000_usd"] if self._asked["score_per_1000_usd"] else []
        names += ["seller"] if self._counts_sellers else []
        return [SQL("NULL").alias(name) for name in names]

    def observed(self, database: Database, event: Any) -> list[Any]:
        """The columns of each observation that `select` needs besides the keys."""
        values = {"price": event.price_usd, "score": event.score, "seen_at": event.seen_at}
        if self._asked["score_per_1000_usd"]:
            values["score_per_1000_usd"] = score_per_1000_usd(event)
        if self._counts_sellers:
            values["seller"] = caseless(database, event.seller)
        return [value.alias(name) for name, value in values.items()]

    def select(self, observations: Select, keys: Sequence[str], shown: Sequence[str] = ()) -> Any:
        """One row for each group of observations with equal keys, in their order; no key is null.

        A row has the keys, the least value of each column in `shown`, and the fields for `row`.

        The measures are sorted one by one, because a row with all of them takes longer to sort.
        """
        observed = observations.cte("observed", materialized=True)
        totals = self._totals(observed, keys, shown).cte("totals", materialized=True)
        columns = _of(totals, (*keys, *shown, *self._total_names))
        query, ctes = Select([totals], columns), [observed, totals]
        for measure, quantiles in self._picked.items():
            wanted = _wanted(totals, keys, measure, quantiles)
            ctes.append(wanted)
            names = _pick_names(measure, quantiles)
            picks = _picks(observed, wanted, keys, measure, names).alias(f"picked_{measure}")
            query = query.join(picks, JOIN.LEFT_OUTER, on=_same(keys, totals, picks))
            query = query.select_extend(*_of(picks, names))
        return query.order_by(*_of(totals, keys)).with_cte(*ctes)

    def row(self, fields: Sequence[Any]) -> list[Any]:
        """The values of `columns`, from the fields of a selected row."""
        found = dict(zip(self.fields, fields, strict=True))
        for measure, statistics in self._asked.items():
            if "avg" in statistics:
                found[f"avg_{measure}"] = _average(found, measure)
        for measure, quantiles in self._picked.items():
            for name in quantiles:
                found[f"{name}_{measure}"] = _quantile(found, name, measure)
        return [found[column] for column in self.columns]

    @property
    def fields(self) -> list[str]:
        """The columns of `select` after the keys and those shown."""
        picks = [_pick_names(measure, quantiles) for measure, quantiles in self._picked.items()]
        return [*self._total_names, *(name for names in picks for name in names)]

    @property
    def _picked(self) -> dict[str, list[str]]:
        """The quantiles of each measure that has any."""
        found = {
            measure: [name for name in statistics if name in QUANTILES]
            for measure, statistics in self._asked.items()
        }
        return {measure: quantiles for measure, quantiles in found.items() if quantiles}

    @property
    def _total_names(self) -> list[str]:
        spans = [f"{end}_{of}" for of, names in self._spanned.items() for end in names]
        sizes = [f"size_{measure}" for measure in self._picked]
        sellers = ["seller_count"] if self._counts_sellers else []
        return [
            "listing_count",
            *spans,
            *sizes,
            *sellers,
            "last_seen_at",
            *self.flags,
            *self._shared,
        ]

    @property
    def _spanned(self) -> dict[str, tuple[str, ...]]:
        """The figures of each measure that need no sorting."""
        ends = {"min", "max", "avg"}
        return {
            measure: ("min", "max", "sum")
            for measure, statistics in self._asked.items()
            if ends.intersection(statistics)
        }

    def _totals(self, observed: Any, keys: Sequence[str], shown: Sequence[str]) -> Any:
        grouped = _of(observed, keys)
        values = {name: fn.MIN(getattr(observed.c, name)) for name in shown}
        values["listing_count"] = fn.COUNT(observed.c.price)
        for measure in self._spanned:
            value = getattr(observed.c, measure)
            values |= {f"min_{measure}": fn.MIN(value), f"max_{measure}": fn.MAX(value)}
            values[f"sum_{measure}"] = fn.SUM(_summable(value))
        for measure in self._picked:
            values[f"size_{measure}"] = fn.COUNT(getattr(observed.c, measure))
        if self._counts_sellers:
            values["seller_count"] = fn.COUNT(observed.c.seller.distinct())
        values["last_seen_at"] = fn.MAX(observed.c.seen_at)
        values |= {name: fn.SUM(getattr(observed.c, name)) for name in self.flags}
        values |= {name: fn.MIN(getattr(observed.c, name)) for name in self._shared}
        named = [value.alias(name) for name, value in values.items()]
        return Select([observed], [*grouped, *named]).group_by(*grouped)


def _statistics_of(measure: str, columns: Sequence[str]) -> list[str]:
    named = [column.partition("_") for column in columns]
    return [name for name, _, of in named if of == measure]


def _of(source: Any, names: Sequence[str]) -> list[Any]:
    return [getattr(source.c, name) for name in names]


def _same(keys: Sequence[str], one: Any, another: Any) -> Any:
    return reduce(and_, [getattr(one.c, key) == getattr(another.c, key) for key in keys])


def _wanted(totals: Any, keys: Sequence[str], measure: str, quantiles: Sequence[str]) -> Any:
    """The ranks of the values from which the quantiles of each group are computed, and the name of
    each. Looking them up takes less time than giving each row the size of its group."""
    size = getattr(totals.c, f"size_{measure}")
    found: Any = None
    for place, name in enumerate(_pick_names(measure, quantiles)):
        rank = rank_before(quantiles[place // 2], size) + place % 2
        columns = [*_of(totals, keys), rank.alias("rank"), SQL(f"'{name}'").alias("name")]
        ranks = Select([totals], columns)
        found = ranks if found is None else found.union_all(ranks)
    return found.cte(f"wanted_{measure}", materialized=True)


def _picks(
    observed: Any, wanted: Any, keys: Sequence[str], measure: str, names: Sequence[str]
) -> Any:
    """The wanted values of each group that has any, each in the column of its name.

    SQLite reads tables in the order of a CROSS JOIN: for each ranked row it looks up whether it is
    wanted.
    """
    value, group = getattr(observed.c, measure), _of(observed, keys)
    rank = fn.ROW_NUMBER().over(partition_by=group, order_by=[value]).alias("rank")
    rows = Select([observed], [*group, value.alias("value"), rank])
    ranked = rows.where(value.is_null(False)).alias(f"ranked_{measure}")
    columns = [
        fn.MAX(Case(None, [(wanted.c.name == name, ranked.c.value)])).alias(name) for name in names
    ]
    joined = Select([ranked], [*_of(ranked, keys), *columns]).join(wanted, JOIN.CROSS)
    is_wanted = _same(keys, ranked, wanted) & (ranked.c.rank == wanted.c.rank)
    return joined.where(is_wanted).group_by(*_of(ranked, keys))


def _pick_names(measure: str, quantiles: Sequence[str]) -> list[str]:
    return [f"{name}_{end}_{measure}" for name in quantiles for end in ("low", "high")]


def _summable(value: Any) -> Any:
    cases = [
        (value > _LARGEST_SUMMED, _LARGEST_SUMMED),
        (value < -_LARGEST_SUMMED, -_LARGEST_SUMMED),
    ]
    return Case(None, cases, value)


def _quantile(found: dict[str, Any], name: str, measure: str) -> float | None:
    size = found[f"size_{measure}"]
    if not size:
        return None
    low, high = (found[f"{name}_{end}_{measure}"] for end in ("low", "high"))
    return interpolated(name, size, low, high)


def _average(found: dict[str, Any], measure: str) -> float | None:
    """Rounded twice: databases add in different orders, and this noise must not affect how a half
    is rounded."""
    if not found["listing_count"]:
        return None
    least, most, total = (found[f"{name}_{measure}"] for name in ("min", "max", "sum"))
    mean: float = min(max(total / found["listing_count"], least), most)
    return round(round(mean, _NOISE_DECIMALS), AVERAGE_DECIMALS)
