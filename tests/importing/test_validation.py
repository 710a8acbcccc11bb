"""A row against the contract: the values the stage takes, or all of its errors."""

from typing import Any

import pytest

from glyphd.contracts.headers import map_headers
from glyphd.contracts.listings import COLUMN_NAMES, POSITION
from glyphd.contracts.row_errors import RowError
from glyphd.importing.json_rows import read_object
from glyphd.importing.rows import Place, Row, row_error
from glyphd.importing.validation import row_check
from glyphd.storage.staging import StagedRow

RECEIVED_AT = "2025-07-29T12:12:00.000000Z"
PLACE = Place(7, 9, 100, 20)
LEAST = {"model": "A", "price_usd": "1", "score": "0.5"}


def _row(**texts: str | None) -> Row:
    """A row of a file that has just these columns."""
    given = LEAST | texts
    return Row(PLACE, [given.get(name) for name in COLUMN_NAMES], map_headers(list(given), COLUMN_NAMES))


def _check(row: Row) -> StagedRow | list[RowError]:
    return row_check(RECEIVED_AT)(row)


def _values(row: Row) -> dict[str, Any]:
    staged = _check(row)
    assert isinstance(staged, tuple)
    assert staged[:4] == PLACE
    return {name: value for name, value in zip(COLUMN_NAMES, staged[4:], strict=True) if value is not None}


def _errors(row: Row) -> list[tuple[str | None, str | None, str, str | None]]:
    errors = _check(row)
    assert isinstance(errors, list)
    assert {(error.row, error.line) for error in errors} == {(7, 9)}
    return [(error.field, error.column, error.code, error.value) for error in errors]


def test_a_good_row_becomes_its_place_and_its_values() -> None:
    assert _values(_row(vram_gb="80.0", nvlink="yes", seen_at="2025-07-30")) == {
        "model": "A",
        "price_usd": 1.0,
        "score": 0.5,
        "vram_gb": 80,
        "nvlink": True,
        "seen_at": "2025-07-30T00:00:00.000000Z",
    }


def test_without_a_time_a_row_was_seen_when_it_was_received() -> None:
    assert _values(_row())["seen_at"] == RECEIVED_AT


@pytest.mark.parametrize(
    ("quantity", "availability", "expected"),
    [
        ("Available", None, "Available"),
        ("Available", "In a week", "In a week"),
        ("5", None, None),
        (None, "Yes", "Yes"),
    ],
)
def test_a_stock_word_goes_to_an_empty_availability(
    quantity: str | None, availability: str | None, expected: str | None
) -> None:
    values = _values(_row(quantity=quantity, availability=availability))
    assert values.get("availability") == expected
    assert values.get("quantity") == (5 if quantity == "5" else None)


def test_all_errors_of_a_row_come_in_column_order() -> None:
    assert _errors(_row(score="high", price_usd="$9", model=None, quantization_capacity_7b="1")) == [
        ("model", "model", "missing_value", None),
        ("price_usd", "price_usd", "not_a_number", "$9"),
        ("quantization_capacity_13b", None, "incomplete_capacities", None),
        ("score", "score", "not_a_number", "high"),
    ]


def test_an_error_names_the_column_as_the_file_calls_it() -> None:
    header = map_headers(["Canonical Model", "Price", "Final-Score"], COLUMN_NAMES)
    texts: list[str | None] = [None] * len(COLUMN_NAMES)
    texts[POSITION["model"]], texts[POSITION["price_usd"]] = "A", "free"
    assert _errors(Row(PLACE, texts, header)) == [
        ("price_usd", "Price", "not_a_number", "free"),
        ("score", "Final-Score", "missing_value", None),
    ]


def test_a_broken_record_keeps_the_error_of_its_reading() -> None:
    error = row_error(PLACE, "wrong_cell_count", "has 2 cells, the header has 3")
    assert _check(Row(PLACE, None, map_headers([], COLUMN_NAMES), [error])) == [error]


def test_a_cell_that_could_not_be_read_is_reported_once() -> None:
    row = read_object(PLACE, {"model": 4090, "price_usd": [1], "score": "high"})
    assert _errors(row) == [
        ("model", "model", "wrong_type", "4090"),
        ("price_usd", "price_usd", "wrong_type", "[1]"),
        ("score", "score", "not_a_number", "high"),
    ]


def test_a_value_is_shown_cut() -> None:
    [(_, _, code, value)] = _errors(_row(model="m" * 5000))
    assert (code, value) == ("text_too_long", "m" * 200)


@pytest.mark.parametrize(
    ("given", "missing"),
    [(("1", "2", None), "70b"), (("1", None, "3"), "13b"), ((None, "2", "3"), "7b"), ((None, None, "3"), "7b")],
)
def test_some_capacities_are_an_error_at_the_first_that_is_empty(given: tuple[str | None, ...], missing: str) -> None:
    names = [f"quantization_capacity_{size}" for size in ("7b", "13b", "70b")]
    [(field, _, code, _)] = _errors(_row(**dict(zip(names, given, strict=True))))
    assert (field, code) == (f"quantization_capacity_{missing}", "incomplete_capacities")
