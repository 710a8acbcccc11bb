"""What the archive derives from its events: the latest specs of each model, and quantization
capacities."""

from typing import Any

import pytest
from peewee import Database

from glyphd.contracts.gpu_listings import GPUListingDTO
from glyphd.contracts.import_contracts import GPUModelDTO, QuantizedListingDTO
from glyphd.storage.derived.all_facts import FACTS
from glyphd.storage.predecessors import FEW_MODELS
from glyphd.storage.specs import SPECS
from glyphd.storage.stores import DatabaseListingStore
from tests.storage.listings import listing, seen

EVERY_SPEC: dict[str, Any] = {
    "vram_gb": 24,
    "mig_capable": 0,
    "tdp_watts": 72,
    "cuda_cores": 7680,
    "slot_width": 1.5,
    "pcie_generation": 4.0,
    "nvlink": False,
    "generation": "Ada",
    "form_factor": "LP",
}
CAPACITIES = {
    "quantization_capacity_7b": 3,
    "quantization_capacity_13b": 1,
    "quantization_capacity_70b": 0,
}


def _model(store: DatabaseListingStore) -> GPUModelDTO:
    (found,) = store.list_models()
    return found


def _import_each(store: DatabaseListingStore, *listings: GPUListingDTO) -> None:
    """Inserts every listing as a separate import, named 1, 2, …"""
    for number, one in enumerate(listings, start=1):
        store.insert_listings([one], str(number))


def test_a_model_has_every_spec_and_names_its_event(store: DatabaseListingStore) -> None:
    store.insert_listings([listing(model="A"), seen(1, **EVERY_SPEC)], "a")
    found = store.list_models()[1].model_dump()
    assert {name: found[name] for name in SPECS} == EVERY_SPEC
    assert (found["canonical_model"], found["import_id"], found["import_index"]) == ("L4", "a", 2)
    assert f"{found['seen_at']:%Y-%m-%d}" == "2025-07-01"


def test_later_specs_take_the_place_of_all_earlier_ones(store: DatabaseListingStore) -> None:
    _import_each(store, seen(1, vram_gb=24, tdp_watts=72), seen(2, vram_gb=25))
    assert (_model(store).vram_gb, _model(store).tdp_watts, _model(store).import_id) == (
        25,
        None,
        "2",
    )


def test_earlier_specs_do_not(store: DatabaseListingStore) -> None:
    _import_each(store, seen(2, vram_gb=24), seen(1, vram_gb=25))
    assert _model(store).vram_gb == 24


def test_at_one_time_the_later_import_knows_better(store: DatabaseListingStore) -> None:
    _import_each(store, seen(1, vram_gb=24), seen(1, vram_gb=25))
    assert _model(store).vram_gb == 25


def test_a_later_event_without_specs_takes_none_away(store: DatabaseListingStore) -> None:
    _import_each(store, seen(1, vram_gb=24), seen(2))
    assert (_model(store).vram_gb, _model(store).import_id) == (24, "1")


def test_an_earlier_event_with_specs_fills_a_model_without_any(store: DatabaseListingStore) -> None:
    _import_each(store, seen(2), seen(1, vram_gb=24))
    assert (_model(store).vram_gb, _model(store).import_id) == (24, "2")


def test_a_model_without_specs_is_there_all_the_same(store: DatabaseListingStore) -> None:
    _import_each(store, seen(1))
    assert {getattr(_model(store), name) for name in SPECS} == {None}


def test_within_an_import_the_latest_event_with_specs_counts(store: DatabaseListingStore) -> None:
    rows = [seen(1, vram_gb=1), seen(3, vram_gb=3), seen(2, vram_gb=2), seen(4)]
    store.insert_listings(rows, "a")
    assert (_model(store).vram_gb, _model(store).import_index) == (3, 2)


def test_within_an_import_at_one_time_the_first_row_counts(store: DatabaseListingStore) -> None:
    store.insert_listings([seen(1, vram_gb=1), seen(1, vram_gb=2)], "a")
    assert (_model(store).vram_gb, _model(store).import_index) == (1, 1)


def test_a_model_is_one_whatever_the_case_of_its_letters(store: DatabaseListingStore) -> None:
    store.insert_listings(
        [seen(1, model="rtx_a6000", vram_gb=48), seen(2, model="RTX_A6000", vram_gb=49)], "a"
    )
    store.insert_listings([seen(3, model="Rtx_A6000", vram_gb=50)], "b")
    assert (_model(store).canonical_model, _model(store).vram_gb) == ("Rtx_A6000", 50)


def test_any_spec_alone_counts_as_specs(store: DatabaseListingStore) -> None:
    store.insert_listings([seen(1, model=spec, **EVERY_SPEC) for spec in SPECS], "1")
    store.insert_listings([seen(2, model=spec, **{spec: EVERY_SPEC[spec]}) for spec in SPECS], "2")
    found = {model.canonical_model: model for model in store.list_models()}
    assert {spec: (found[spec].import_id, getattr(found[spec], spec)) for spec in SPECS} == {
        spec: ("2", EVERY_SPEC[spec]) for spec in SPECS
    }


def test_capacities_are_kept_where_there_are_any(store: DatabaseListingStore) -> None:
    store.insert_listings(
        [listing(**CAPACITIES), listing(), listing(**CAPACITIES | {"quantization_capacity_7b": 9})],
        "a",
    )
    assert store.list_capacities("a") == [
        QuantizedListingDTO(import_id="a", import_index=1, model_7b=3, model_13b=1, model_70b=0),
        QuantizedListingDTO(import_id="a", import_index=3, model_7b=9, model_13b=1, model_70b=0),
    ]


def test_capacities_belong_to_their_import(store: DatabaseListingStore) -> None:
    _import_each(store, listing(**CAPACITIES), listing())
    assert [len(store.list_capacities(import_id)) for import_id in ("1", "2", "3")] == [1, 0, 0]


@pytest.mark.parametrize("models", [1, FEW_MODELS + 1])
def test_all_facts_are_right_of_few_models_and_of_many(
    store: DatabaseListingStore, archive: Database, models: int
) -> None:
    for day in (1, 3):  # each price rises, and some rows are duplicated
        offers = [
            seen(day, model=f"{'Mm'[day % 2]}{number % models}", seller=f"{number}", price_usd=day)
            for number in range(FEW_MODELS + 3)
        ]
        store.insert_listings([*offers, offers[0]], str(day))
    assert not [fault for fact in FACTS for fault in fact.faults(archive)]
