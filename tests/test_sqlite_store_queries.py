"""What the store returns as a library: matching listings, models and capacities."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from glyphd import (
    GPUModelDTO,
    ListingStore,
    QuantizedListingDTO,
    SqliteListingStore,
)
from tests.storage.listings import listing, seen


@pytest.fixture
def db_path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "gpu.sqlite"


@pytest.fixture
def store(db_path: Path) -> SqliteListingStore:
    return SqliteListingStore(db_path=db_path)


def _prices(store: ListingStore, **wanted: Any) -> list[float]:
    return [row.price_usd for row in store.query_listings(**wanted)]


def test_the_latest_observation_is_current(store: SqliteListingStore) -> None:
    store.insert_listings([seen(2, price_usd=2)], "a")
    store.insert_listings([seen(3, price_usd=3)], "b")
    store.insert_listings([seen(1, price_usd=1)], "c")
    assert _prices(store) == [3.0]
    assert [_prices(store, import_id=import_id) for import_id in "abc"] == [[2.0], [3.0], [1.0]]


@pytest.fixture
def market(store: SqliteListingStore) -> SqliteListingStore:
    """Five listings, each identified by its price."""
    store.insert_listings(
        [
            seen(1, model="RTX_A6000", region="USA", price_usd=4500, score=0.9),
            seen(2, model="rtx_a6000", region="EU", price_usd=4200, score=0.8),
            seen(3, model="L4", region="eu", price_usd=2400, score=0.7),
        ],
        "a",
    )
    store.insert_listings(
        [seen(4, price_usd=30000, score=0.95), seen(5, model="L40S", price_usd=7000)], "b"
    )
    return store


@pytest.mark.parametrize(
    ("wanted", "prices"),
    [
        ({}, [7000, 30000, 2400, 4200, 4500]),
        ({"model": "RTX_A6000"}, [4200, 4500]),
        ({"model": ["l40s", "l4"]}, [7000, 30000, 2400]),
        ({"model": []}, [7000, 30000, 2400, 4200, 4500]),
        ({"region": "Eu"}, [2400, 4200]),
        ({"region": ("usa", "eu")}, [2400, 4200, 4500]),
        ({"min_score": 0.8}, [30000, 4200, 4500]),
        ({"max_score": 0.7}, [7000, 2400]),
        ({"min_price": 4500}, [7000, 30000, 4500]),
        ({"max_price": 4200}, [2400, 4200]),
        ({"after": datetime(2025, 7, 4, 12, tzinfo=UTC)}, [7000]),
        ({"after": datetime(2025, 7, 4, 11, 59)}, [7000, 30000]),  # noqa: DTZ001  # UTC
        ({"after": datetime(2025, 7, 4, 14, tzinfo=timezone(timedelta(hours=2)))}, [7000]),
        ({"import_id": "a"}, [4500, 4200, 2400]),
        ({"import_id": "nobody"}, []),
        ({"limit": 2}, [7000, 30000]),
        ({"limit": 0}, []),
        ({"import_id": "a", "limit": 1}, [4500]),
        ({"model": "rtx_a6000", "region": "usa", "min_score": 0.9, "max_price": 4500}, [4500]),
    ],
)
def test_queries(market: SqliteListingStore, wanted: dict[str, Any], prices: list[float]) -> None:
    assert _prices(market, **wanted) == prices


def test_rows_are_in_tables_that_anyone_can_read(market: SqliteListingStore, db_path: Path) -> None:
    with closing(sqlite3.connect(db_path)) as connection:
        query = (
            "SELECT import_index, price_usd FROM scored_listings WHERE import_id = 'a' ORDER "
            "BY import_index"
        )
        assert connection.execute(query).fetchall() == [(1, 4500.0), (2, 4200.0), (3, 2400.0)]
        assert connection.execute("SELECT COUNT(*) FROM listings").fetchall() == [(5,)]


def test_models_have_their_latest_known_specs(store: SqliteListingStore) -> None:
    store.insert_listings([seen(1, vram_gb=24, tdp_watts=72), seen(2, model="A", nvlink=True)], "a")
    assert store.list_models() == [
        GPUModelDTO(
            canonical_model="A",
            nvlink=True,
            seen_at=datetime(2025, 7, 2, 12, tzinfo=UTC),
            import_id="a",
            import_index=2,
        ),
        GPUModelDTO(
            canonical_model="L4",
            vram_gb=24,
            tdp_watts=72,
            seen_at=datetime(2025, 7, 1, 12, tzinfo=UTC),
            import_id="a",
            import_index=1,
        ),
    ]


def test_capacities_are_listed_by_import(store: SqliteListingStore) -> None:
    capacities = {
        "quantization_capacity_7b": 3,
        "quantization_capacity_13b": 1,
        "quantization_capacity_70b": 0,
    }
    store.insert_listings([listing(), listing(**capacities)], "a")
    assert store.list_capacities("a") == [
        QuantizedListingDTO(import_id="a", import_index=2, model_7b=3, model_13b=1, model_70b=0)
    ]
    assert store.list_capacities("b") == []
