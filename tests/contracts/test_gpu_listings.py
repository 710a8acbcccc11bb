"""The row contract as a whole: its columns, and the listing object that Python callers create."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from glyphd.contracts.columns import COLUMN_NAMES, INPUT_COLUMNS, REQUIRED
from glyphd.contracts.gpu_listings import GPUListingDTO, row_cells
from glyphd.contracts.row_rules import is_words

FIRST_COLUMNS = [
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
    assert list(COLUMN_NAMES)[: len(FIRST_COLUMNS)] == FIRST_COLUMNS


def test_three_columns_are_required() -> None:
    assert REQUIRED == ("model", "price_usd", "score")
    assert set(GPUListingDTO(**LEAST).model_dump(exclude_defaults=True)) == set(REQUIRED)


def test_a_listing_is_made_by_name_or_by_alias() -> None:
    by_alias = GPUListingDTO.model_validate(
        {"canonical_model": "A", "price": 1, "final_score": 0.5}
    )
    assert by_alias == GPUListingDTO(**LEAST)


def test_a_name_counts_before_its_alias() -> None:
    assert GPUListingDTO.model_validate(LEAST | {"price": 99}).price_usd == 1


def test_a_raw_model_becomes_the_title() -> None:
    listing = GPUListingDTO.model_validate(LEAST | {"canonical_model": "RTX_A6000"})
    assert (listing.model, listing.title) == ("RTX_A6000", "A")


def test_a_title_of_its_own_stays() -> None:
    listing = GPUListingDTO.model_validate(
        LEAST | {"canonical_model": "RTX_A6000", "title": "Mint"}
    )
    assert (listing.model, listing.title) == ("RTX_A6000", "Mint")


def test_the_same_column_twice_is_refused() -> None:
    assert _codes(LEAST | {"Score": 0.5}) == ["duplicate_column"]


def test_a_stock_word_moves_to_availability() -> None:
    listing = GPUListingDTO.model_validate(LEAST | {"quantity": " Out of Stock "})
    assert (listing.quantity, listing.availability) == (None, "Out of Stock")


def test_a_filled_availability_stays() -> None:
    listing = GPUListingDTO.model_validate(
        LEAST | {"quantity": "Available", "availability": "In a week"}
    )
    assert (listing.quantity, listing.availability) == (None, "In a week")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Available", True),
        ("—", True),
        ("5 pcs", True),
        ("1+", True),
        ("<5", True),
        ("~5", True),
        ("5 - 10", True),
        ("５ Stück", True),
        ("", False),
        ("5", False),
        ("+5", False),
        ("-5", False),
        ("5.0", False),
        ("1,000", False),
        ("1e3", False),
        ("-INF", False),
        ("nan", False),
        ("²", False),
        ("$5", False),
    ],
)
def test_words_are_more_than_a_number(text: str, expected: bool) -> None:
    assert is_words(text) is expected


def test_words_are_kept_in_extra_where_availability_is_filled() -> None:
    listing = GPUListingDTO.model_validate(
        LEAST | {"quantity": "5 left", "availability": "In a week"}
    )
    assert (listing.quantity, listing.availability, listing.extra) == (
        None,
        "In a week",
        {"quantity": "5 left"},
    )


def test_unknown_names_are_kept_in_extra_but_for_the_services_own() -> None:
    given = LEAST | {
        "Note": "x",
        "n": 1.5,
        "empty": "",
        "listing_id": "y",
        "_mine": 1,
        "extra": {"more": [1]},
    }
    assert GPUListingDTO.model_validate(given).extra == {"Note": "x", "n": 1.5, "more": [1]}
    assert GPUListingDTO(**LEAST).extra is None


def test_final_score_counts_before_score_even_where_it_is_empty() -> None:
    assert GPUListingDTO.model_validate(LEAST | {"final_score": 7}).score == 7.0
    assert _codes(LEAST | {"final_score": None}) == ["missing_value"]


def test_null_markers_are_null() -> None:
    listing = GPUListingDTO.model_validate(
        LEAST | {"vram_gb": "N/A", "seller": "none", "quantity": "-", "region": "-"}
    )
    assert (listing.vram_gb, listing.seller, listing.quantity, listing.availability) == (
        None,
        None,
        None,
        None,
    )
    assert listing.region == "-"


@pytest.mark.parametrize(
    ("given", "codes"),
    [
        ({"currency": "EUR"}, ["unsupported_currency"]),
        ({"quantity": True}, ["not_an_integer"]),
        ({"extra": {"x": "y" * 65_536}}, ["extra_too_large"]),
        ({"note": "a\0"}, ["nul_character"]),
        ({"price_usd": "nan"}, ["not_a_number"]),
        ({"model": "N/A"}, ["missing_value"]),
    ],
)
def test_what_no_row_may_say_no_listing_may(given: dict[str, Any], codes: list[str]) -> None:
    assert _codes(LEAST | given) == codes


@pytest.mark.parametrize(
    "given", [{"quantization_capacity_7b": 1}, {"quantization_capacity.13b": "2.0"}]
)
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
        LEAST
        | {"vram_gb": "80.0", "mig_capable": True, "nvlink": "no", "seen_at": "2025-07-29 12:12:00"}
    )
    assert (listing.vram_gb, listing.mig_capable, listing.nvlink) == (80, 1, False)
    assert listing.seen_at == datetime(2025, 7, 29, 12, 12, tzinfo=UTC)


def test_a_listing_survives_being_written_as_a_row() -> None:
    listing = GPUListingDTO.model_validate(
        LEAST
        | {
            "heuristics": {"a": [1, None]},
            "nvlink": True,
            "seen_at": "2025-07-29T12:12:00.5+02:00",
            "note": "x",
        }
    )
    cells = dict(zip(INPUT_COLUMNS, row_cells(listing), strict=True))
    assert (
        GPUListingDTO.model_validate(
            cells | {"heuristics": {"a": [1, None]}, "extra": {"note": "x"}}
        )
        == listing
    )
