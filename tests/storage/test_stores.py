"""The rules of the store, the same on SQLite and PostgreSQL."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest

from glyphd.contracts.gpu_listings import GPUListingDTO
from glyphd.contracts.import_contracts import ScoredListingDTO
from glyphd.db.archive_models import ScoredListing
from glyphd.db.connections import close_all
from glyphd.errors import ImportConflict, RowsRefused
from glyphd.settings import Settings
from glyphd.storage.identity import IDENTITY_COLUMNS, listing_id
from glyphd.storage.knowledge import Knowledge
from glyphd.storage.predicates import restrict
from glyphd.storage.result_rows import select_rows
from glyphd.storage.stores import DatabaseListingStore
from tests.storage.conftest import open_store
from tests.storage.listings import listing, seen

FULL: dict[str, Any] = {
    "model": "L4", "price_usd": 2400.5, "condition": "New", "quantity": 3, "availability": "soon",
    "min_order_qty": 2,
    "seller": "Acme", "region": "EU", "vram_gb": 24, "mig_capable": 0, "tdp_watts": 72,
    "cuda_cores": 7680,
    "slot_width": 1.0, "pcie_generation": 4.0, "nvlink": False, "generation": "Ada",
    "form_factor": "LP",
    "quantization_capacity_7b": 3, "quantization_capacity_13b": 1, "quantization_capacity_70b": 0,
    "score": 0.7,
    "heuristics": {"a": [1, "ü"]}, "seen_at": "2025-07-01T12:00:00Z", "source_url": "x.de/1",
    "source_type": "Retail",
    "title": "An L4", "extra": {"note": "x"},
}  # fmt: skip
OTHER: dict[str, Any] = {
    "model": "A", "price_usd": 1.0, "condition": "Used", "quantity": 4, "availability": "late",
    "min_order_qty": 3,
    "seller": "Zebra", "region": "US", "vram_gb": 25, "mig_capable": 1, "tdp_watts": 73,
    "cuda_cores": 7681,
    "slot_width": 1.5, "pcie_generation": 5.0, "nvlink": True, "generation": "Hopper",
    "form_factor": "SXM",
    "quantization_capacity_7b": 4, "quantization_capacity_13b": 2, "quantization_capacity_70b": 1,
    "score": 0.8,
    "heuristics": None, "seen_at": "2025-07-02T12:00:00Z", "source_url": "x.de/2",
    "source_type": "Auction",
    "title": "Another",
    "extra": {"note": "y"},
}  # fmt: skip


CASELESS = ("model", "region", "condition", "seller", "source_type")
SPELLINGS = ["Acme", "ACME", "Äcme", "ÄCME", "äcme", "äCME"]
CASES = {
    "acme": ["Acme", "ACME"],
    "äcme": ["äcme", "äCME"],
    "ÄCME": ["Äcme", "ÄCME"],
    "acm_": [],
    "ACME%": [],
}


def _prices(rows: Sequence[ScoredListingDTO]) -> list[float]:
    return [row.price_usd for row in rows]


def _texts(store: DatabaseListingStore, column: str, **wanted: Any) -> list[str]:
    """One column of the matching events, by the same conditions as the HTTP filters."""
    rows = select_rows([column], Knowledge())
    query = restrict(rows, store.database, wanted).order_by(ScoredListing.import_index)
    with store.database.connection_context():
        return [text for (text,) in store.database.execute(query)]


def _is_conflict(store: DatabaseListingStore, sent: GPUListingDTO) -> bool:
    try:
        store.insert_listings([sent], "a")
    except ImportConflict:
        return True
    return False


def test_an_event_keeps_everything_the_row_said(store: DatabaseListingStore) -> None:
    store.insert_listings([listing(**FULL)], "a")
    (found,) = store.query_listings()
    assert {name: getattr(found, name) for name in FULL} == dict(listing(**FULL))


def test_numbers_come_back_digit_for_digit(store: DatabaseListingStore) -> None:
    numbers = [89.70154501941143, 5e-324, 1.7976931348623157e308, 0.1, 1e22]
    store.insert_listings([listing(score=number) for number in numbers], "a")
    assert [repr(row.score) for row in store.query_listings(import_id="a")] == list(
        map(repr, numbers)
    )


def test_text_comes_back_as_it_was(store: DatabaseListingStore) -> None:
    texts = ["日本 🚀", 'O\'Neil "x"', "a\\b", "%_", "é", "x" * 200]
    store.insert_listings([listing(seller=text) for text in texts], "a")
    assert [row.seller for row in store.query_listings(import_id="a")] == texts


def test_white_space_and_composition_are_those_of_clean_text(store: DatabaseListingStore) -> None:
    store.insert_listings([listing(seller="\u200b a\tb\n\xa0c e\u0301 ")], "a")
    assert [row.seller for row in store.query_listings()] == ["a b c é"]


def test_what_nobody_knows_comes_back_as_extra(store: DatabaseListingStore) -> None:
    extra = {"Warranty": 12, "tags": ["a", None], "note": "x"}
    store.insert_listings([listing(**extra, empty=" "), listing(extra=extra), listing()], "a")
    assert [row.extra for row in store.query_listings(import_id="a")] == [extra, extra, None]


def test_a_listing_from_the_future_is_refused(store: DatabaseListingStore) -> None:
    with pytest.raises(RowsRefused, match="listing 2: seen_at is more than 24 hours in the future"):
        store.insert_listings(
            [listing(), listing(seen_at=datetime.now(UTC) + timedelta(days=2))], "a"
        )
    assert store.list_imports() == []


def test_the_largest_integer_fits(store: DatabaseListingStore) -> None:
    store.insert_listings([listing(quantity=2**63 - 1, vram_gb=2**63 - 1)], "a")
    found = store.query_listings()[0]
    assert (found.quantity, found.vram_gb) == (2**63 - 1, 2**63 - 1)


def test_seven_columns_tell_listings_apart(store: DatabaseListingStore) -> None:
    store.insert_listings([listing(**FULL | {name: OTHER[name]}) for name in IDENTITY_COLUMNS], "a")
    store.insert_listings([listing(**FULL)], "b")
    assert len(store.query_listings()) == 8


def test_the_other_columns_do_not(store: DatabaseListingStore) -> None:
    store.insert_listings([listing(**FULL)], "before")
    changed = {name: value for name, value in OTHER.items() if name not in IDENTITY_COLUMNS}
    store.insert_listings([listing(**FULL | changed)], "after")
    assert [row.import_id for row in store.query_listings()] == ["after"]


def test_case_and_blanks_do_not_make_another_listing(store: DatabaseListingStore) -> None:
    for day, seller in enumerate(["Cafe", "CAFE", "cafe", "  Cafe "], start=1):
        store.insert_listings([seen(day, seller=seller)], seller)
    assert [row.import_id for row in store.query_listings()] == ["  Cafe "]


def test_ids_follow_from_identity_and_ordinal_alone(store: DatabaseListingStore) -> None:
    dearer = FULL | {"price_usd": FULL["price_usd"] + 1}
    store.insert_listings([listing(model="Other"), listing(**FULL), listing(**dearer)], "a")
    identity = [FULL[name] for name in IDENTITY_COLUMNS]
    assert [row.listing_id for row in store.query_listings(import_id="a")][1:] == [
        listing_id(identity, ordinal).hex() for ordinal in (1, 2)
    ]


def test_a_group_has_the_offers_of_its_latest_import(store: DatabaseListingStore) -> None:
    store.insert_listings([seen(1, price_usd=price) for price in (11, 12, 13)], "a")
    store.insert_listings([seen(2, price_usd=price) for price in (21, 22)], "b")
    assert sorted(_prices(store.query_listings())) == [21, 22]


def test_the_latest_observation_is_current(store: DatabaseListingStore) -> None:
    store.insert_listings([seen(2, price_usd=2)], "a")
    store.insert_listings([seen(1, price_usd=1)], "b")
    assert _prices(store.query_listings()) == [2]
    store.insert_listings([seen(3, price_usd=3)], "c")
    assert _prices(store.query_listings()) == [3]


def test_at_one_time_the_later_import_is_current(store: DatabaseListingStore) -> None:
    store.insert_listings([seen(1, price_usd=1)], "b")
    store.insert_listings([seen(1, price_usd=2)], "a")
    assert _prices(store.query_listings()) == [2]


def test_an_import_gives_its_rows_in_their_order(store: DatabaseListingStore) -> None:
    store.insert_listings([seen(day, model=f"M{day}") for day in (3, 1, 2)], "a")
    found = store.query_listings(import_id="a")
    assert [(row.model, row.import_index) for row in found] == [("M3", 1), ("M1", 2), ("M2", 3)]


def test_the_market_is_read_latest_first_then_as_it_came(store: DatabaseListingStore) -> None:
    store.insert_listings([seen(1, model="A"), seen(1, model="B"), seen(2, model="C")], "a")
    store.insert_listings([seen(1, model="D"), seen(1, model="E")], "b")
    assert [row.model for row in store.query_listings()] == ["C", "D", "E", "A", "B"]


def test_the_same_import_again_changes_nothing(store: DatabaseListingStore) -> None:
    first = store.insert_listings([listing(**FULL), listing(**FULL), listing()], "a")
    assert store.insert_listings([listing(**FULL), listing(**FULL), listing()], "a") == first
    assert len(store.list_imports()) == 1


def test_the_same_id_with_any_other_value_is_a_conflict(store: DatabaseListingStore) -> None:
    store.insert_listings([listing(**FULL)], "a")
    unnoticed = [
        name
        for name, value in OTHER.items()
        if not _is_conflict(store, listing(**FULL | {name: value}))
    ]
    assert unnoticed == []


def test_filters_ignore_the_case_of_ascii_alone(store: DatabaseListingStore) -> None:
    for column in CASELESS:
        store.insert_listings([listing(**{column: text}) for text in SPELLINGS], column)
    found = {
        (column, wanted): _texts(store, column, **{column: [wanted], "import_id": [column]})
        for column in CASELESS
        for wanted in CASES
    }
    assert found == {
        (column, wanted): texts for column in CASELESS for wanted, texts in CASES.items()
    }


def test_a_part_of_a_model_ignores_the_case_of_ascii_alone(store: DatabaseListingStore) -> None:
    store.insert_listings([listing(model=text) for text in SPELLINGS], "a")
    parts = {"CM": SPELLINGS, "äC": ["äcme", "äCME"], "cme": SPELLINGS, "%": [], "_": []}
    assert {part: _texts(store, "model", model_contains=part) for part in parts} == parts


def test_regions_and_models_may_be_several(store: DatabaseListingStore) -> None:
    store.insert_listings(
        [seen(day, model=f"M{day}", region=f"R{day % 2}") for day in range(1, 5)], "a"
    )
    found = store.query_listings(model=["m1", "m2", "m3"], region=("r1", "r0"), limit=2)
    assert [row.model for row in found] == ["M3", "M2"]


def test_two_at_once_both_get_in(database_settings: Settings) -> None:
    stores = [open_store(database_settings) for _ in range(2)]
    begun = Barrier(2)

    def insert(number: int) -> None:
        begun.wait()
        for again in range(5):
            stores[number].insert_listings([listing(price_usd=number)], f"{number}-{again}")

    threads = [Thread(target=insert, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    batches = stores[0].list_imports()
    assert len(batches) == len({batch.imported_at for batch in batches}) == 10
    assert len(stores[0].query_listings()) == 1
    for store in stores:
        close_all(store.database)
