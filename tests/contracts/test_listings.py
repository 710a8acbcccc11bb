"""The row contract as a whole: its columns, and the listing that callers from Python make."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from glyphd.contracts.listings import (
    COLUMN_NAMES,
    REQUIRED,
    GPUListingDTO,
    is_stock_word,
    row_cells,
    row_validator,
)

API_ORDER = [
    "model",
    "price_usd",
    "condition",
    "quantity",
    "availability",
    "min_order_qty",
    "seller",
    "region",
    "vram_gb",
    "mig_capable",
    "tdp_watts",
    "cuda_cores",
    "slot_width",
    "pcie_generation",
    "nvlink",
    "generation",
    "form_factor",
    "quantization_capacity_7b",
    "quantization_capacity_13b",
    "quantization_capacity_70b",
    "score",
    "heuristics",
    "seen_at",
    "source_url",
    "source_type",
    "title",
]
LEAST: dict[str, Any] = {"model": "A", "price_usd": 1, "score": 0.5}


def _codes(values: dict[str, Any]) -> list[str]:
    with pytest.raises(ValidationError) as refused:
        GPUListingDTO.model_validate(values)
    return [error["type"] for error in refused.value.errors()]


def test_the_columns_stand_in_the_order_of_the_contract() -> None:
    assert list(COLUMN_NAMES) == API_ORDER


def test_three_columns_are_required() -> None:
    assert REQUIRED == ("model", "price_usd", "score")
    assert set(GPUListingDTO(**LEAST).model_dump(exclude_defaults=True)) == set(REQUIRED)


def test_a_listing_is_made_by_name_or_by_alias() -> None:
    by_alias = GPUListingDTO.model_validate({"canonical_model": "A", "price": 1, "final_score": 0.5})
    assert by_alias == GPUListingDTO(**LEAST)


def test_a_name_counts_before_its_alias() -> None:
    assert GPUListingDTO.model_validate(LEAST | {"price": 99}).price_usd == 1


def test_a_raw_model_becomes_the_title() -> None:
    listing = GPUListingDTO.model_validate(LEAST | {"canonical_model": "RTX_A6000"})
    assert (listing.model, listing.title) == ("RTX_A6000", "A")


def test_a_title_of_its_own_stays() -> None:
    listing = GPUListingDTO.model_validate(LEAST | {"canonical_model": "RTX_A6000", "title": "Mint"})
    assert (listing.model, listing.title) == ("RTX_A6000", "Mint")


def test_the_same_column_twice_is_refused() -> None:
    assert _codes(LEAST | {"Score": 0.5}) == ["duplicate_column"]


def test_a_stock_word_moves_to_availability() -> None:
    listing = GPUListingDTO.model_validate(LEAST | {"quantity": " Out of Stock "})
    assert (listing.quantity, listing.availability) == (None, "Out of Stock")


def test_a_filled_availability_stays() -> None:
    listing = GPUListingDTO.model_validate(LEAST | {"quantity": "Available", "availability": "In a week"})
    assert (listing.quantity, listing.availability) == (None, "In a week")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Available", True), ("n/a", True), ("—", True), ("5 pcs", False), ("nan", False), ("-INF", False), ("²", False)],
)
def test_a_stock_word_has_no_digit_and_is_no_number(text: str, expected: bool) -> None:
    assert is_stock_word(text) is expected


@pytest.mark.parametrize("given", [{"quantization_capacity_7b": 1}, {"quantization_capacity.13b": "2.0"}])
def test_some_capacities_are_not_enough(given: dict[str, Any]) -> None:
    assert _codes(LEAST | given) == ["incomplete_capacities"]


def test_all_bad_fields_are_told() -> None:
    assert _codes({"model": " ", "price_usd": "$99", "score": float("nan")}) == [
        "missing_value",
        "not_a_number",
        "not_a_number",
    ]


def test_values_are_of_the_types_they_say() -> None:
    listing = GPUListingDTO.model_validate(
        LEAST | {"vram_gb": "80.0", "mig_capable": True, "nvlink": "no", "seen_at": "2025-07-29 12:12:00"}
    )
    assert (listing.vram_gb, listing.mig_capable, listing.nvlink) == (80, 1, False)
    assert listing.seen_at == datetime(2025, 7, 29, 12, 12, tzinfo=UTC)


def test_a_listing_survives_being_written_as_a_row() -> None:
    listing = GPUListingDTO.model_validate(
        LEAST | {"heuristics": {"a": [1, None]}, "nvlink": True, "seen_at": "2025-07-29T12:12:00.5+02:00", "title": "ä"}
    )
    cells = row_cells(listing)
    again = GPUListingDTO.model_validate(dict(zip(COLUMN_NAMES, cells, strict=True)) | {"heuristics": {"a": [1, None]}})
    assert again == listing


def test_a_row_of_texts_becomes_what_the_archive_stores() -> None:
    texts = [None] * len(COLUMN_NAMES)
    row = dict(zip(COLUMN_NAMES, texts, strict=True)) | {"model": "A", "price_usd": "1", "score": "0.5", "nvlink": "1"}
    stored = dict(zip(COLUMN_NAMES, row_validator().validate_python(tuple(row.values())), strict=True))
    assert stored == row | {"price_usd": 1.0, "score": 0.5, "nvlink": True}
