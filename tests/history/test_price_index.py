"""The price index: the example in its document by hand, and comparisons with plain Python."""

from statistics import median
from typing import Any

import pytest

from glyphd.contracts.market_queries import IndexQuery
from glyphd.contracts.parameter_reading import read_parameters
from glyphd.history.price_index import INDEX_COLUMNS, PriceIndex
from glyphd.storage.stores import DatabaseListingStore
from tests.history.random_markets import events, fill, folded
from tests.storage.listings import seen

Row = tuple[Any, ...]


def _rows(store: DatabaseListingStore, **asked: str) -> list[Row]:
    with store.database.connection_context():
        index = PriceIndex(store.database, read_parameters(IndexQuery, asked.items()))
        assert index.columns == INDEX_COLUMNS
        return [tuple(row) for row in index.read()]


def _take(store: DatabaseListingStore, day: int, **prices: float) -> None:
    store.insert_listings(
        [seen(day, seller=seller, price_usd=price) for seller, price in prices.items()],
        f"day-{day}",
    )


def test_the_example_of_the_page(store: DatabaseListingStore) -> None:
    """docs/PRICE_INDEX.md has the same numbers."""
    _take(store, 1, a=1000, b=2000, c=4000)
    _take(store, 2, a=1100, b=2100, c=3800, d=500)
    _take(store, 3, a=1045, c=3724, d=5000, e=100)
    _take(store, 5, e=90)
    assert _rows(store) == [
        ("2025-07-01", 100.0, 0, None),
        ("2025-07-02", 105.0, 3, 1.05),
        ("2025-07-03", 102.9, 3, 0.98),
        ("2025-07-05", 92.61, 1, 0.9),
    ]


@pytest.mark.parametrize("bucket", ["day", "month"])
@pytest.mark.parametrize("model", ["", "rtx_A6000"])
def test_it_is_what_plain_python_computes(
    store: DatabaseListingStore, bucket: str, model: str
) -> None:
    fill(store, 11, imports=9, rows=60)
    found = [event for event in events(store) if not model or folded(event.model) == folded(model)]
    width = len("2025-01" if bucket == "month" else "2025-01-01")
    prices: dict[str, dict[bytes, float]] = {}
    for event in found:
        of_bucket = prices.setdefault(event.seen_at[:width], {})
        of_bucket.setdefault(bytes(event.listing_id), event.price_usd)
    index, wanted = 100.0, list[Row]()
    before: dict[bytes, float] = {}
    for start in sorted(prices):
        now = prices[start]
        compared = [one for one in now if before.get(one) and now[one]]
        relatives = [now[one] / before[one] for one in compared]
        index *= median(relatives) if relatives else 1
        relative = median(relatives) if relatives else None
        wanted.append((f"{start}-01"[:10], round(index, 6), len(relatives), relative))
        before = now
    assert len(wanted) > 2
    assert _rows(store, bucket=bucket, **({"model": model} if model else {})) == wanted


def test_an_outlier_moves_nothing(store: DatabaseListingStore) -> None:
    names = "abcdefghi"
    _take(store, 1, **dict.fromkeys(names, 100.0))
    _take(store, 2, **{name: 1e9 if name < "e" else 101.0 for name in names})
    assert _rows(store)[-1][1] == 101


def test_a_price_of_nothing_is_not_compared(store: DatabaseListingStore) -> None:
    _take(store, 1, a=0, b=100, c=1e-200)
    _take(store, 2, a=100, b=0, c=1e200)
    assert _rows(store) == [("2025-07-01", 100.0, 0, None), ("2025-07-02", 100.0, 0, None)]


def test_offers_that_cannot_be_told_apart_are_not_compared(store: DatabaseListingStore) -> None:
    _take(store, 1, a=100, b=100)
    store.insert_listings([seen(2, seller="a", price_usd=price) for price in (1, 2)], "two")
    store.insert_listings([seen(2, seller="b", price_usd=120)], "b")
    assert _rows(store)[-1] == ("2025-07-02", 120.0, 1, 1.2)


def test_a_period_begins_with_100(store: DatabaseListingStore) -> None:
    for day, price in ((1, 100), (2, 110), (3, 121)):
        _take(store, day, a=price)
    assert [row[1] for row in _rows(store)] == [100.0, 110.0, 121.0]
    assert [row[1] for row in _rows(store, after="2025-07-02")] == [100.0, 110.0]
    assert [row[1] for row in _rows(store, before="2025-07-03", bucket="month")] == [100.0]
