"""Models on the market: the database computes what plain Python does."""

import sys
from typing import Any

import pytest

from glyphd.contracts.columns import CAPACITIES
from glyphd.db.archive_models import ScoredListing
from glyphd.history.market_models import MODEL_COLUMNS, Models, find_model, nearest_models
from glyphd.storage.derived.orders import Orders
from glyphd.storage.specs import SPECS
from glyphd.storage.stores import DatabaseListingStore
from tests.history.random_markets import events, fill, folded, lowest_of, numbers_of
from tests.storage.listings import listing, seen

LARGEST = sys.float_info.max


def _rows(
    store: DatabaseListingStore, after: str | None = None, limit: int | None = None
) -> list[dict[str, Any]]:
    with store.database.connection_context():
        return [
            dict(zip(MODEL_COLUMNS, row, strict=True))
            for row in Models(store.database).read([after] if after else None, limit)
        ]


def _find(store: DatabaseListingStore, name: str) -> dict[str, Any] | None:
    with store.database.connection_context():
        row = find_model(store.database, name)
    return dict(zip(MODEL_COLUMNS, row, strict=True)) if row else None


def _near(store: DatabaseListingStore, name: str) -> list[str]:
    with store.database.connection_context():
        return nearest_models(store.database, name)


def _current_by_model(store: DatabaseListingStore) -> dict[str, list[ScoredListing]]:
    found: dict[str, list[ScoredListing]] = {}
    for event in events(store):
        if event.is_current:
            found.setdefault(folded(event.model), []).append(event)
    return found


def _capacities(observed: list[ScoredListing]) -> dict[str, int | None]:
    """The capacities of the latest event that has any."""
    capable = next(
        (event for event in observed if event.quantization_capacity_7b is not None), None
    )
    return {name: getattr(capable, name, None) for name in CAPACITIES}


@pytest.mark.parametrize("seed", range(3))
def test_a_row_is_what_python_computes_from_the_current_events(
    store: DatabaseListingStore, seed: int
) -> None:
    fill(store, seed)
    current = _current_by_model(store)
    of_models: dict[str, list[ScoredListing]] = {}
    for event in events(store):
        of_models.setdefault(folded(event.model), []).append(event)
    expected = [
        numbers_of(current[name]) | _capacities(current[name]) | lowest_of(of_models[name])
        for name in sorted(current)
    ]
    found = _rows(store)
    assert [folded(row["model"]) for row in found] == sorted(current)
    assert [{name: row[name] for name in expected[0]} for row in found] == expected


def test_name_and_specs_are_those_of_the_table_of_models(store: DatabaseListingStore) -> None:
    fill(store, 7)
    known = {
        dto.canonical_model: {name: getattr(dto, name) for name in SPECS}
        for dto in store.list_models()
    }
    assert {row["model"]: {name: row[name] for name in SPECS} for row in _rows(store)} == known


def test_one_model_is_its_row_of_the_list(store: DatabaseListingStore) -> None:
    fill(store, 8)
    for row in _rows(store):
        assert _find(store, row["model"]) == _find(store, folded(row["model"])) == row
    assert _find(store, "L") is None


@pytest.mark.parametrize("size", [1, 2, 5])
def test_pages_are_the_list(store: DatabaseListingStore, size: int) -> None:
    fill(store, 9)
    found: list[dict[str, Any]] = []
    while page := _rows(store, found[-1]["model"] if found else None, size):
        assert len(page) <= size
        found += page
    assert found == _rows(store)


def test_a_model_without_current_listings_is_none(store: DatabaseListingStore) -> None:
    store.insert_listings([listing(model="Gone"), listing(model="A")], "a")
    gone = ScoredListing.update(is_current=0).where(ScoredListing.model == "Gone")
    with store.database.connection_context():
        store.database.execute(gone)
        for statement in Orders().after_renewal(
            store.database, ScoredListing.select(ScoredListing.id)
        ):
            store.database.execute(statement)
    assert [row["model"] for row in _rows(store)] == ["A"]
    assert [row["model"] for row in _rows(store, limit=1)] == ["A"]
    assert _find(store, "Gone") is None


def test_an_empty_archive_has_no_models(store: DatabaseListingStore) -> None:
    assert _rows(store) == []
    assert _near(store, "L4") == []


def test_an_average_with_a_half_at_its_end_is_the_same_everywhere(
    store: DatabaseListingStore,
) -> None:
    """The mean is 100.0003125; the sums of the databases may be slightly off."""
    sent = [
        seen(1, seller=str(number), price_usd=100.01 if number == 1 else 100)
        for number in range(32)
    ]
    store.insert_listings(sent, "a")
    assert _rows(store)[0]["avg_price"] == 100.000313


@pytest.mark.parametrize("extreme", [LARGEST, 1e300, 5e-324])
def test_no_price_is_too_extreme(store: DatabaseListingStore, extreme: float) -> None:
    store.insert_listings(
        [listing(seller=seller, price_usd=extreme, score=extreme) for seller in "abcd"], "a"
    )
    (row,) = _rows(store)
    assert row["median_price"] == row["max_price"] == row["median_score"] == extreme
    assert row["avg_price"] == round(extreme, 6)


def test_known_names_are_offered_for_an_unknown_one(store: DatabaseListingStore) -> None:
    store.insert_listings(
        [listing(model=model) for model in ("RTX_A6000", "RTX_A5000", "L4", "H100 PCIe")], "a"
    )
    assert _near(store, "rtx_a600")[0] == "RTX_A6000"
    assert _near(store, "H100PCIE") == ["H100 PCIe"]
    assert _near(store, "zzz") == []
