"""Columns that are computed from a listing's row, its history and other offers: the database
computes what plain Python does."""

from bisect import bisect_left
from collections.abc import Iterator
from random import Random
from statistics import median
from typing import Any

import pytest

from glyphd.contracts.parameter_reading import read_parameters
from glyphd.contracts.queries import ListingQuery
from glyphd.listings.computed_columns import COMPUTED_COLUMNS
from glyphd.listings.search import Search
from glyphd.storage.batch_changes import Change, change_batch
from glyphd.storage.stores import DatabaseListingStore
from tests.history.random_markets import fill, folded
from tests.storage.listings import listing, seen

FIELDS = ",".join(
    ("model", "condition", "seller", "price_usd", "score", "vram_gb", *COMPUTED_COLUMNS)
)
SORTS = [
    f"{sign}{key}"
    for key in ("score_per_1000_usd", "usd_per_gb", "price_vs_median_pct")
    for sign in ("", "-")
]


def _search(store: DatabaseListingStore, **asked: str) -> Search:
    return Search(
        store.database, read_parameters(ListingQuery, {"fields": FIELDS, **asked}.items())
    )


def _rows(store: DatabaseListingStore, **asked: str) -> list[dict[str, Any]]:
    with store.database.connection_context():
        search = _search(store, **asked)
        return [dict(zip(search.columns, row, strict=True)) for row in search.everything()]


def _paged(store: DatabaseListingStore, limit: int, **asked: str) -> Iterator[dict[str, Any]]:
    cursor: str | None = ""
    while cursor is not None:
        with store.database.connection_context():
            page = _search(store, **asked, **({"cursor": cursor} if cursor else {})).page(limit)
        yield from page.objects()
        cursor = page.next_cursor


def _group(row: dict[str, Any]) -> tuple[str, str]:
    return folded(row["model"]), folded(row["condition"] or "")


def test_a_price_has_its_place_among_current_offers(store: DatabaseListingStore) -> None:
    numbers = Random(3)
    store.insert_listings(
        [
            seen(1, seller=str(number), model=numbers.choice(["L4", "l4", "A100"]),
                 condition=numbers.choice(["New", "NEW", "Used", None]),
                 price_usd=numbers.choice([0, 100, 100.5, 2400, 3000]),
                 vram_gb=numbers.choice([None, 0, 24]))
            for number in range(60)
        ],
        "one",
    )  # fmt: skip
    found = _rows(store)
    groups: dict[tuple[str, str], list[float]] = {}
    for row in found:
        groups.setdefault(_group(row), []).append(row["price_usd"])
    for row in found:
        prices, price = sorted(groups[_group(row)]), row["price_usd"]
        cheaper, middle = bisect_left(prices, price), median(prices)
        others = len(prices) - 1
        assert row["price_percentile"] == (round(cheaper * 100 / others, 6) if others else None)
        above = pytest.approx((price - middle) * 100 / middle, abs=1e-6) if middle else None
        assert row["price_vs_median_pct"] == above
        per_gb = price / row["vram_gb"] if row["vram_gb"] else None
        assert row["usd_per_gb"] == per_gb
        assert row["score_per_1000_usd"] == (row["score"] * 1000 / price if price else None)


def test_pages_in_an_order_that_is_computed(store: DatabaseListingStore) -> None:
    """Nulls come last in both directions."""
    fill(store, 5, imports=3)
    for sort in SORTS:
        whole = _rows(store, sort=sort)
        for limit in (1, 7, 100):
            assert list(_paged(store, limit, sort=sort)) == whole
        values = [row[sort.removeprefix("-")] for row in whole]
        known = [value for value in values if value is not None]
        assert values == sorted(known, reverse=sort.startswith("-")) + [None] * values.count(None)
        assert 0 < len(known) < len(values)


def test_the_history_of_a_listing_is_in_its_row(store: DatabaseListingStore) -> None:
    for day, price in ((1, 300), (11, 100), (21, 200)):
        store.insert_listings([seen(day, seller="a", price_usd=price)], f"day-{day}")
    for seen_at, seller, price in (("2025-10-09", "late", 150), ("2025-10-10", "a", 120)):
        store.insert_listings(
            [listing(seller=seller, price_usd=price, seen_at=seen_at)], seller * 2
        )
    shown = ("price_usd", "days_listed", "lowest_price", "lowest_price_90d", "is_lowest")
    found = [tuple(row[name] for name in shown) for row in _rows(store, history="true")]
    assert found == [
        (120, 101, 100, 120, False),
        (150, 0, 150, 150, True),
        (200, 20, 100, 100, False),
        (100, 10, 100, 100, True),
        (300, 0, 300, 300, True),
    ]


def test_an_import_that_was_rolled_back_is_no_history(store: DatabaseListingStore) -> None:
    for day, price in ((1, 100), (2, 200)):
        store.insert_listings([seen(day, seller="a", price_usd=price)], f"day-{day}")
    with store.database.connection_context():
        change_batch(store.database, Change("day-1", "rollback"))
    (row,) = _rows(store)
    assert (row["days_listed"], row["lowest_price"], row["is_lowest"]) == (0, 200, True)
    (row,) = _rows(store, import_id="day-1")
    assert (row["lowest_price"], row["price_percentile"]) == (100, None)


def test_nothing_is_computed_for_offers_that_cannot_be_told_apart(
    store: DatabaseListingStore,
) -> None:
    store.insert_listings([seen(1, seller="a", price_usd=100)], "one")
    store.insert_listings([seen(2, seller="a", price_usd=price) for price in (90, 110)], "two")
    for row in _rows(store):
        of_history = [row[name] for name in COMPUTED_COLUMNS[-4:]]
        assert of_history == [None] * 4
        assert row["score_per_1000_usd"] is not None
