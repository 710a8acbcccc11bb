"""The kinds of cell: which texts and values each accepts, how it converts them, and the error codes
of those that it refuses."""

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from pydantic_core import PydanticCustomError, SchemaValidator, ValidationError

from glyphd.contracts.cells import (
    MAX_JSON_CHARACTERS,
    BooleanCell,
    Cell,
    JsonCell,
    TextCell,
    TimeCell,
)
from glyphd.contracts.json_values import RepeatedKeys
from glyphd.contracts.numeric_cells import MAX_INTEGER, IntegerCell, NumberCell

NUMBERS = r"[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE][+-]?[0-9]{1,3})?"
WHOLE_NUMBERS = r"[+-]?[0-9]{1,25}(\.0{1,5})?"
PARIS = timezone(timedelta(hours=2))


def _read(cell: Cell, text: str | None) -> Any:
    """The value that the cell makes of a trimmed text, or the code of the error."""
    try:
        return SchemaValidator(cell.text_schema()).validate_python(text)
    except ValidationError as error:
        return error.errors()[0]["type"]


@pytest.mark.parametrize(
    "cell", [TextCell(), IntegerCell(), NumberCell(), BooleanCell(), TimeCell(), JsonCell()]
)
def test_an_empty_cell_is_null_unless_required(cell: Cell) -> None:
    assert _read(cell, None) is None
    assert _read(type(cell)(required=True), None) == "missing_value"


@pytest.mark.parametrize(
    ("cell", "text", "expected"),
    [
        (TextCell(max_length=3), "äöü", "äöü"),
        (TextCell(max_length=3), "four", "text_too_long"),
        (IntegerCell(), "80.0", 80),
        (IntegerCell(), str(MAX_INTEGER), MAX_INTEGER),
        (IntegerCell(), str(MAX_INTEGER + 1), "out_of_range"),
        (IntegerCell(), "1_000", "not_an_integer"),
        (IntegerCell(), "80.5", "not_an_integer"),
        (IntegerCell(), "true", "not_an_integer"),
        (IntegerCell(minimum=1), "0", "out_of_range"),
        (IntegerCell(maximum=7, flags=True), "TRUE", 1),
        (IntegerCell(maximum=7, flags=True), "false", 0),
        (IntegerCell(maximum=7, flags=True), "8", "out_of_range"),
        (IntegerCell(maximum=7, flags=True), "yes", "not_an_integer"),
        (NumberCell(), "89.70154501941143", 89.70154501941143),
        (NumberCell(), "-1.5e3", -1500.0),
        (NumberCell(), "nan", "not_a_number"),
        (NumberCell(), "1_000", "not_a_number"),
        (NumberCell(), "1e999", "out_of_range"),
        (NumberCell(minimum=0), "0", 0.0),
        (NumberCell(minimum=0), "-0.01", "out_of_range"),
        (NumberCell(above=0), "0", "out_of_range"),
        (NumberCell(above=0), "0.5", 0.5),
        (BooleanCell(), "YES", True),
        (BooleanCell(), "0", False),
        (BooleanCell(), "on", "not_a_boolean"),
        (TimeCell(), "2025-07-29", "2025-07-29T00:00:00.000000Z"),
        (TimeCell(), "20250729", "not_a_time"),
        (JsonCell(), '{"a": [1, null]}', '{"a":[1,null]}'),
        (JsonCell(), "not JSON", '"not JSON"'),
        (JsonCell(), '{"a": NaN}', '"{\\"a\\": NaN}"'),
        (JsonCell(), "null", None),
        (JsonCell(), '"\\u0000"', "nul_character"),
        (JsonCell(), '"\\\\u0000"', '"\\\\u0000"'),
        (JsonCell(), '"\\\\\\u0000"', "nul_character"),
        (JsonCell(), "[" * 500 + "]" * 500, json.dumps("[" * 500 + "]" * 500)),
        (JsonCell(), "x" * (MAX_JSON_CHARACTERS - 2), '"' + "x" * (MAX_JSON_CHARACTERS - 2) + '"'),
        (JsonCell(), "x" * (MAX_JSON_CHARACTERS - 1), "text_too_long"),
    ],
)
def test_a_cell_reads_its_text(cell: Cell, text: str, expected: Any) -> None:
    found = _read(cell, text)
    assert (type(found), found) == (type(expected), expected)


@given(st.from_regex(NUMBERS, fullmatch=True))
@settings(deadline=None, max_examples=200)
def test_a_number_is_the_nearest_double(text: str) -> None:
    expected = float(text)
    assert _read(NumberCell(), text) == (
        "out_of_range" if abs(expected) == float("inf") else expected
    )


@given(st.from_regex(WHOLE_NUMBERS, fullmatch=True))
@settings(deadline=None, max_examples=200)
def test_a_whole_number_is_exact(text: str) -> None:
    expected = int(text.partition(".")[0])
    assert _read(IntegerCell(), text) == (
        expected if 0 <= expected <= MAX_INTEGER else "out_of_range"
    )


@given(st.text(alphabet="0123456789.,_+-eE xXnainf٣８½", max_size=6))
@settings(deadline=None, max_examples=300)
def test_what_a_number_cell_takes_is_a_finite_number_in_ascii(text: str) -> None:
    found = _read(NumberCell(), text)
    if isinstance(found, float):
        assert text.isascii()
        assert found == float(text.replace("_", "x"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("  a b ", "a b"),
        ("\u00a0\n", None),
        (True, "true"),
        (False, "false"),
        (80, "80"),
        (80.0, "80.0"),
        (0.1, "0.1"),
        (Decimal("4500.10"), "4500.10"),
        (date(2025, 7, 29), "2025-07-29"),
        (datetime(2025, 7, 29, 12, tzinfo=PARIS), "2025-07-29T10:00:00.000000Z"),
        (datetime(2025, 7, 29, 12, tzinfo=UTC).replace(tzinfo=None), "2025-07-29T12:00:00.000000Z"),
    ],
)
def test_a_scalar_is_brought_to_the_text_of_one_cell(value: Any, text: str | None) -> None:
    assert BooleanCell().as_text(value) == text


@pytest.mark.parametrize(
    ("cell", "value", "code"),
    [
        (TextCell(), 4090, "wrong_type"),
        (TextCell(), True, "wrong_type"),
        (TextCell(), ["A"], "wrong_type"),
        (TextCell(), "A\0", "nul_character"),
        (NumberCell(), [1], "wrong_type"),
        (IntegerCell(), {"a": 1}, "wrong_type"),
        (JsonCell(), float("nan"), "wrong_type"),
        (JsonCell(), {1, 2}, "wrong_type"),
        (JsonCell(), [RepeatedKeys("a")], "duplicate_column"),
        (IntegerCell(), True, "not_an_integer"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(cell: Cell, value: Any, code: str) -> None:
    with pytest.raises(PydanticCustomError) as refused:
        cell.as_text(value)
    assert refused.value.type == code


@pytest.mark.parametrize("value", [None, 0, False, "", "text", "{}", [], {"a": [1.5, None]}])
def test_a_json_value_comes_back_as_it_was_given(value: Any) -> None:
    text = JsonCell().as_text(value)
    assert JsonCell().native(_read(JsonCell(), text)) == value


@pytest.mark.parametrize(
    ("cell", "described"),
    [
        (TextCell(required=True), {"type": "string", "minLength": 1, "maxLength": 200}),
        (IntegerCell(minimum=1), {"type": "integer", "minimum": 1, "maximum": MAX_INTEGER}),
        (NumberCell(above=0), {"type": "number", "exclusiveMinimum": 0}),
        (NumberCell(), {"type": "number"}),
        (TimeCell(), {"type": "string", "format": "date-time"}),
    ],
)
def test_a_cell_describes_itself_as_json_schema(cell: Cell, described: dict[str, Any]) -> None:
    assert cell.json_schema() == described


@pytest.mark.parametrize(
    ("cell", "text", "expected"),
    [
        (NumberCell(comma=True), "1.299,50", 1299.5),
        (NumberCell(comma=True), "1.299", 1299.0),
        (NumberCell(comma=True), "-,5e1", -5.0),
        (NumberCell(comma=True), "1299.50", "not_a_number"),
        (NumberCell(comma=True), "1,299.50", "not_a_number"),
        (IntegerCell(comma=True), "1.024,0", 1024),
        (IntegerCell(comma=True), "80.0", "not_an_integer"),
        (IntegerCell(comma=True, maximum=7, flags=True), "true", 1),
    ],
)
def test_a_number_may_have_a_decimal_comma_where_that_is_said(
    cell: Cell, text: str, expected: Any
) -> None:
    found = _read(cell, text)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("cell", "cells", "texts"),
    [
        (
            TextCell(),
            ["a", " b  c ", "\u200bd\xa0e", '="007"', "e\u0301"],
            ["a", "b c", "d e", "007", "é"],
        ),
        (TextCell(cleaned=False), [" x  y\u200b", "e\u0301"], ["x  y", "e\u0301"]),
        (NumberCell(), [" 1 ", '="2"', "\xa03", ""], ["1", "2", "3", ""]),
    ],
)
def test_many_cells_are_read_as_each_is(cell: Cell, cells: list[str], texts: list[str]) -> None:
    assert cell.read_all(cells) == [cell.read(text) for text in cells] == texts
