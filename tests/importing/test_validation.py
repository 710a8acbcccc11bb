"""Rows against the contract: the values for the stage, or all of their errors."""

from typing import Any

import pytest

from glyphd.contracts.column_checks import CheckOptions
from glyphd.contracts.column_names import map_headers
from glyphd.contracts.columns import INPUT_COLUMNS, STORED_COLUMNS
from glyphd.contracts.findings import Findings
from glyphd.contracts.object_cells import OBJECT_HEADER
from glyphd.importing.file_rows import Place, Row, row_error
from glyphd.importing.json_rows import read_object
from glyphd.importing.validation import Checked, RowCheck
from glyphd.storage.stage_tables import PLACE_COLUMNS

LATEST = "2025-07-30T12:12:00.000000Z"
RECEIVED_AT = "2025-07-29T12:12:00.000000Z"
PLACE = Place(7, 9, 100, 20)
LEAST = {"model": "A", "price_usd": "1", "score": "0.5"}


def _checked(row: Row) -> Checked:
    return RowCheck(row.header, CheckOptions(RECEIVED_AT, LATEST), Findings()).rows([row])


def _row(**texts: str | None) -> Row:
    """A row of a file with exactly these columns."""
    given = LEAST | texts
    return Row(
        PLACE, [text or "" for text in given.values()], map_headers(list(given), INPUT_COLUMNS)
    )


def _values(row: Row) -> dict[str, Any]:
    checked = _checked(row)
    assert (checked.rows_read - len(checked.refused), checked.refused) == (1, [])
    assert tuple(checked.accepted[name][0] for name in PLACE_COLUMNS) == PLACE
    values = {
        name: checked.accepted[name][0] for name in STORED_COLUMNS if name in checked.accepted
    }
    return {name: value for name, value in values.items() if value is not None}


def _refused(checked: Checked) -> list[tuple[str | None, str | None, str, str | None]]:
    assert (checked.rows_read - len(checked.refused), checked.accepted) == (0, {})
    (errors,) = checked.refused
    assert {(error.row, error.line) for error in errors} == {(7, 9)}
    return [(error.field, error.column, error.code, error.value) for error in errors]


def _errors(row: Row) -> list[tuple[str | None, str | None, str, str | None]]:
    return _refused(_checked(row))


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
    assert _errors(
        _row(score="high", price_usd="$9", model=None, quantization_capacity_7b="1")
    ) == [
        ("model", "model", "missing_value", None),
        ("price_usd", "price_usd", "not_a_number", "$9"),
        ("quantization_capacity_13b", None, "incomplete_capacities", None),
        ("score", "score", "not_a_number", "high"),
    ]


def test_an_error_names_the_column_as_the_file_calls_it() -> None:
    header = map_headers(["Canonical Model", "Price", "Final-Score"], INPUT_COLUMNS)
    assert _errors(Row(PLACE, ["A", "free", ""], header)) == [
        ("price_usd", "Price", "not_a_number", "free"),
        ("score", "Final-Score", "missing_value", None),
    ]


def test_a_broken_record_keeps_the_error_of_its_reading() -> None:
    error = row_error(PLACE, "wrong_cell_count", "has 2 cells, the header has 3")
    assert _checked(Row(PLACE, None, map_headers([], INPUT_COLUMNS), [error])).refused == [[error]]


def test_a_cell_that_could_not_be_read_is_reported_once() -> None:
    row = read_object(PLACE, {"model": 4090, "price_usd": [1], "score": "high"})
    checked = RowCheck(OBJECT_HEADER, CheckOptions(RECEIVED_AT), Findings()).rows([row])
    assert _refused(checked) == [
        ("model", "model", "wrong_type", "4090"),
        ("price_usd", "price_usd", "wrong_type", "[1]"),
        ("score", "score", "not_a_number", "high"),
    ]


def test_a_value_that_is_not_json_is_shown_as_python_writes_it() -> None:
    endless: list[object] = []
    endless.append(endless)
    for value in (endless, {(1, 2): 3}, {4}):
        row = read_object(PLACE, {"model": "A", "price_usd": value, "score": 1})
        checked = RowCheck(OBJECT_HEADER, CheckOptions(RECEIVED_AT), Findings()).rows([row])
        assert _refused(checked) == [("price_usd", "price_usd", "wrong_type", str(value))]


def test_no_offer_was_seen_later_than_it_may_have_been() -> None:
    assert _values(_row(seen_at=LATEST))["seen_at"] == LATEST
    late = "2025-07-30T12:12:00.000001Z"
    assert _errors(_row(seen_at=late)) == [("seen_at", "seen_at", "in_the_future", late)]


def test_a_bad_row_in_a_chunk_has_all_its_errors_and_spoils_no_other() -> None:
    header = map_headers(["model", "price", "score", "seen_at", "vram_gb"], INPUT_COLUMNS)
    given = [
        ["A", "1", "1", "", ""],
        ["B", "x", "1", "2099-01-01", "y"],
        ["C", "1", "1", "soon", "N/A"],
        ["D", "2", "1", "2025-07-29", "24"],
    ]
    rows = [Row(Place(at, at + 1, 0, 0), cells, header) for at, cells in enumerate(given, start=1)]
    findings = Findings()
    checked = RowCheck(header, CheckOptions(RECEIVED_AT, LATEST), findings).rows(rows)
    assert (checked.accepted["model"], checked.accepted["vram_gb"]) == (["A", "D"], [None, 24])
    assert checked.accepted["import_index"] == (1, 4)
    assert [[error.code for error in errors] for errors in checked.refused] == [
        ["not_a_number", "not_an_integer", "in_the_future"],
        ["not_a_time"],
    ]
    assert [(warning["code"], warning["count"]) for warning in findings.warnings()] == [
        ("null_markers", 1)
    ]


def test_a_value_is_shown_cut() -> None:
    [(_, _, code, value)] = _errors(_row(model="m" * 5000))
    assert (code, value) == ("text_too_long", "m" * 200)


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        (("1", "2", None), "70b"),
        (("1", None, "3"), "13b"),
        ((None, "2", "3"), "7b"),
        ((None, None, "3"), "7b"),
    ],
)
def test_some_capacities_are_an_error_at_the_first_that_is_empty(
    given: tuple[str | None, ...], missing: str
) -> None:
    names = [f"quantization_capacity_{size}" for size in ("7b", "13b", "70b")]
    [(field, _, code, _)] = _errors(_row(**dict(zip(names, given, strict=True))))
    assert (field, code) == (f"quantization_capacity_{missing}", "incomplete_capacities")
