"""Statistics of groups: the database computes what Python's `statistics` does."""

from collections.abc import Sequence
from itertools import count
from statistics import fmean, median, quantiles
from typing import Any

import pytest
from hypothesis import given, strategies as st
from peewee import Database

from glyphd.contracts.gpu_listings import GPUListingDTO
from glyphd.contracts.market_queries import Grouping, StatsHistoryQuery, StatsQuery
from glyphd.contracts.parameter_reading import choices, read_parameters
from glyphd.history.market_stats import Stats
from glyphd.history.series import Series
from glyphd.history.stats_history import StatsHistory
from glyphd.storage.stores import DatabaseListingStore
from tests.examples import examples
from tests.history.random_markets import events, fill, folded
from tests.storage.listings import seen

LARGEST = 1.7976931348623157e308
numbers = count(1)
amounts = st.sampled_from([0.0, 1.0, 2400.5]) | st.integers(0, 10**8).map(lambda cents: cents / 100)
scores = st.integers(-(10**6), 10**6).map(lambda part: part / 10**6)
words = st.sampled_from(["a", "A", "b", "Ä", "ä", "a b", "名"])
listings = st.builds(
    GPUListingDTO,
    model=words,
    price_usd=amounts,
    score=amounts | scores,
    seller=st.none() | words,
    region=st.none() | words,
    vram_gb=st.none() | st.integers(0, 3),
    seen_at=st.just("2025-07-01T12:00:00Z"),
)
groupings = st.lists(st.sampled_from(choices(Grouping)), max_size=2, unique=True)


def _rows(series: Series) -> list[dict[str, Any]]:
    with series.database.connection_context():
        return [dict(zip(series.columns, row, strict=True)) for row in series.read()]


def _stats(database: Database, **asked: str) -> list[dict[str, Any]]:
    return _rows(Stats(database, read_parameters(StatsQuery, asked.items())))


def _plain(by: Sequence[str], rows: Sequence[Any]) -> list[dict[str, Any]]:
    """The expected statistics in plain Python. Rows have the columns of listings as attributes."""
    groups: dict[tuple[Any, ...], list[Any]] = {}
    for row in rows:
        groups.setdefault(tuple(_key(row, name) for name in by), []).append(row)
    return [_summed_up(by, groups[key]) for key in sorted(groups)]


def _key(row: Any, name: str) -> Any:
    value = getattr(row, name, None)
    if name == "vram_gb":
        return -1 if value is None else value
    return folded(value or "")


def _summed_up(by: Sequence[str], rows: Sequence[Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name in by:
        values = [getattr(row, name, None) for row in rows]
        shown[name] = None if None in values else min(values, key=str)
    ratios = [row.score * 1000 / row.price_usd for row in rows if row.price_usd >= 1e-100]
    return {
        **shown,
        "listing_count": len(rows),
        **_spread("price", [row.price_usd for row in rows]),
        **_spread("score", [row.score for row in rows]),
        "median_score_per_1000_usd": median(ratios) if ratios else None,
        "seller_count": len({folded(row.seller) for row in rows if row.seller}),
    }


def _spread(name: str, values: list[float]) -> dict[str, Any]:
    """The quantiles are approximate, because those of `statistics` may lie slightly outside the
    range of equal values and are not more precise elsewhere."""
    values = values * 2 if len(values) == 1 else values
    tenths = quantiles(values, n=10, method="inclusive")
    quarters = quantiles(values, n=4, method="inclusive")
    found = dict(
        zip(("p10", "p25", "p75", "p90"), (tenths[0], *quarters[::2], tenths[-1]), strict=True)
    )
    return {
        f"min_{name}": min(values),
        **{f"{of}_{name}": pytest.approx(value, rel=1e-14) for of, value in found.items()},
        f"median_{name}": median(values),
        f"max_{name}": max(values),
        f"avg_{name}": pytest.approx(fmean(values), abs=1e-6),
    }


@examples(10)
@given(st.lists(listings, min_size=1, max_size=30), groupings)
def test_statistics_are_those_of_plain_python(
    store: DatabaseListingStore, rows: list[GPUListingDTO], by: list[str]
) -> None:
    import_id = f"import-{next(numbers)}"
    store.insert_listings(rows, import_id)
    found = _stats(store.database, by=",".join(by), import_id=import_id)
    for row in found:
        assert row.pop("last_seen_at") == "2025-07-01T12:00:00.000000Z"
    assert found == _plain(by, rows)


def test_quantiles_of_every_size_are_exact(store: DatabaseListingStore) -> None:
    sizes = [*range(1, 45), 400]
    rows = [
        seen(1, model=f"m{size}", price_usd=n * n, seller=str(n))
        for size in sizes
        for n in range(size)
    ]
    store.insert_listings(rows, "one")
    found = {row["model"]: row for row in _stats(store.database, by="model")}
    for size in sizes:
        wanted = _spread("price", [float(n * n) for n in range(size)])
        assert {name: found[f"m{size}"][name] for name in wanted} == wanted


def test_numbers_at_the_edge_of_doubles(store: DatabaseListingStore) -> None:
    prices = [LARGEST, LARGEST, 5e-324, 0.0]
    rows = [seen(1, seller=str(n), price_usd=price, score=price) for n, price in enumerate(prices)]
    store.insert_listings([*rows, seen(1, seller="low", price_usd=1, score=-LARGEST)], "one")
    (row,) = _stats(store.database)
    assert (row["min_price"], row["p90_price"], row["max_price"]) == (0.0, LARGEST, LARGEST)
    assert (row["min_score"], row["median_score"]) == (-LARGEST, 5e-324)
    assert row["median_score_per_1000_usd"] is None


@pytest.mark.parametrize("bucket", ["day", "month"])
def test_each_bucket_has_the_statistics_of_what_was_last_seen_in_it(
    store: DatabaseListingStore, bucket: str
) -> None:
    fill(store, 1)
    width = len("2025-01") if bucket == "month" else len("2025-01-01")
    latest: dict[str, dict[bytes, Any]] = {}
    first: dict[bytes, str] = {}
    for event in events(store):
        start, listing = event.seen_at[:width], bytes(event.listing_id)
        latest.setdefault(start, {}).setdefault(listing, event)
        first[listing] = start
    asked = read_parameters(StatsHistoryQuery, {"by": "model", "bucket": bucket}.items())
    wanted = []
    for start in sorted(latest):
        for row in _plain(["model"], list(latest[start].values())):
            model = folded(row["model"])
            of_model = [one for one in latest[start].values() if folded(one.model) == model]
            new = sum(first[bytes(one.listing_id)] == start for one in of_model)
            seen_at = max(one.seen_at for one in of_model)
            named = {"bucket": f"{start}-01"[:10]}
            wanted.append(named | row | {"last_seen_at": seen_at, "new": new, "gone": 0, "back": 0})
    assert _rows(StatsHistory(store.database, asked)) == wanted
