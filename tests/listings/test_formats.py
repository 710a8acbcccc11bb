"""Rows as CSV, JSON and NDJSON, byte for byte."""

import csv
import io
import random
import struct
import tempfile
import tracemalloc
from collections.abc import Sequence
from math import isfinite
from typing import Any

import pytest
from pydantic_core import to_json

from glyphd.listings.formats import (
    WRITERS,
    WriteRows,
    write_csv,
    write_json,
    write_ndjson,
    write_safe_csv,
)
from glyphd.storage.result_rows import CHUNK_ROWS

VALUES: list[Any] = [
    1e22,
    0.1,
    5e-324,
    1.7976931348623157e308,
    -0.0,
    1e-05,
    89.70154501941143,
    4500.0,
    1e16,
    0,
    2**63 - 1,
    -5,
    True,
    False,
    None,
    "",
    "plain",
    "a, b",
    'say "hi"',
    "two\nlines",
    "one\rtwo",
    "=1+1",
    " spaced ",
    "None",
    "null",
    "Düsseldorf 日本 😀",
    "\x7f\x01",
]
HEURISTICS = [
    '{"rank":1}',
    "[1,2]",
    "1.5",
    "1e+22",
    '"pre-owned, e-bay"',
    "true",
    "7",
    '{"a":1e-05,"b":null}',
    None,
]


def _written(write: WriteRows, columns: Sequence[str], rows: Any) -> bytes:
    file = io.BytesIO()
    write(file, columns, rows)
    return file.getvalue()


def _by_module(columns: Sequence[str], rows: list[tuple[Any, ...]]) -> bytes:
    """The output of the `csv` module."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(
        [
            [str(value).lower() if isinstance(value, bool) else value for value in row]
            for row in rows
        ]
    )
    return text.getvalue().encode()


@pytest.mark.parametrize("value", VALUES)
def test_csv_is_what_the_csv_module_writes(value: Any) -> None:
    rows = [(value, 1, "x")]
    assert _written(write_csv, ("a", "b", "c"), rows) == _by_module(("a", "b", "c"), rows)


@pytest.mark.parametrize("value", VALUES)
def test_a_single_column_too(value: Any) -> None:
    assert _written(write_csv, ("a",), [(value,)]) == _by_module(("a",), [(value,)])


def test_numbers_of_every_size_come_as_the_csv_module_has_them() -> None:
    source = random.Random(1)
    doubles = struct.iter_unpack("<d", source.randbytes(8 * 20_000))
    rows = [(number, source.uniform(0, 100)) for (number,) in doubles if isfinite(number)]
    assert _written(write_csv, ("a", "b"), rows) == _by_module(("a", "b"), rows)


@pytest.mark.parametrize("exponent", range(-12, 25))
def test_round_numbers_too(exponent: int) -> None:
    rows = [(sign * 1.5 * 10.0**exponent, sign * 10.0**exponent) for sign in (1, -1)]
    assert _written(write_csv, ("a", "b"), rows) == _by_module(("a", "b"), rows)


def test_a_column_may_hold_all_kinds_of_values() -> None:
    rows = [(value, other) for value, other in zip(VALUES, reversed(VALUES), strict=True)]
    assert _written(write_csv, ("a", "b"), rows) == _by_module(("a", "b"), rows)


@pytest.mark.parametrize("kind", [int, float])
def test_numbers_with_gaps_stay_in_their_rows(kind: type) -> None:
    rows = [(None if number % 3 else kind(number), number) for number in range(2 * CHUNK_ROWS + 1)]
    assert _written(write_csv, ("a", "b"), rows) == _by_module(("a", "b"), rows)


@pytest.mark.parametrize("text", HEURISTICS)
def test_json_stays_the_text_that_is_stored_in_csv(text: str | None) -> None:
    rows = [(text, 1)]
    assert _written(write_csv, ("heuristics", "b"), rows) == _by_module(("heuristics", "b"), rows)


@pytest.mark.parametrize("text", HEURISTICS)
def test_json_is_part_of_json(text: str | None) -> None:
    rows = [("before", text, 1), (None, text, 2), ("after", None, 3)]
    stored = text or "null"
    objects = [
        f'{{"a":"before","heuristics":{stored},"b":1}}',
        f'{{"a":null,"heuristics":{stored},"b":2}}',
        '{"a":"after","heuristics":null,"b":3}',
    ]
    columns = ("a", "heuristics", "b")
    assert _written(write_json, columns, rows).decode() == f"[{','.join(objects)}]"
    assert _written(write_ndjson, columns, rows).decode() == "".join(f"{one}\n" for one in objects)


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_deeply_repetitive_json_takes_the_memory_of_its_text(name: str) -> None:
    assert _peak(name, f"[{','.join(['[]'] * 20_000)}]") < 40 * 1024 * 1024


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_a_wide_character_in_json_does_not_widen_the_others(name: str) -> None:
    assert _peak(name, f"[{','.join(['[]'] * 20_000)},\"😀\"]") < 40 * 1024 * 1024


def _peak(name: str, text: str) -> int:
    """The most memory, in bytes, while 500 rows with this JSON are written."""
    rows = ((text, number) for number in range(500))
    _written(WRITERS[name], ("heuristics", "b"), [("[]", 0)])  # its modules are loaded by now
    tracemalloc.start()
    try:
        with tempfile.TemporaryFile() as file:
            WRITERS[name](file, ("heuristics", "b"), rows)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak


@pytest.mark.parametrize("value", VALUES)
def test_json_and_ndjson_say_the_same(value: Any) -> None:
    rows = [(value, number) for number in range(CHUNK_ROWS + 1)]
    objects = [{"a": value, "b": number} for number in range(CHUNK_ROWS + 1)]
    assert _written(write_json, ("a", "b"), rows) == to_json(objects)
    assert _written(write_ndjson, ("a", "b"), rows) == b"".join(
        to_json(one) + b"\n" for one in objects
    )


def test_values_of_other_kinds_are_json_in_csv() -> None:
    found = _written(write_csv, ("a", "b"), [([1, "é"], {"k": None})])
    assert found.decode() == 'a,b\r\n"[1,""é""]","{""k"":null}"\r\n'


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_safe_csv_guards_text_alone(start: str) -> None:
    text = f"{start}1"
    found = _written(write_safe_csv, ("a", "heuristics", "c"), [(text, "-5", -5)])
    assert found == _by_module(("a", "heuristics", "c"), [(f"'{text}", "'-5", -5)])


@pytest.mark.parametrize(("name", "text"), [("json", b"[]"), ("ndjson", b""), ("csv", b"a,b\r\n")])
def test_nothing_is_written_too(name: str, text: bytes) -> None:
    assert _written(WRITERS[name], ("a", "b"), []) == text
