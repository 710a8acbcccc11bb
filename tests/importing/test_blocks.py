"""Rows that are read by block and checked by column give the same result as one by one."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, strategies as st

from glyphd.contracts.column_checks import CheckOptions
from glyphd.contracts.columns import STORED_COLUMNS
from glyphd.contracts.findings import Findings
from glyphd.contracts.memos import MOST_REMEMBERED, Memo
from glyphd.db.registry_models import Job
from glyphd.errors import UnreadableFile
from glyphd.importing.csv_rows import CsvRows
from glyphd.importing.kept_files import READ_BYTES
from glyphd.importing.layouts import Layout
from glyphd.importing.lines import PhysicalLines
from glyphd.importing.reading import KeptRows
from glyphd.importing.validation import Checked, RowCheck
from glyphd.settings import Settings
from glyphd.storage.stage_tables import PLACE_COLUMNS
from tests.examples import examples
from tests.importing.generated import as_csv, dialects, given_rows

RECEIVED_AT = "2025-07-29T12:12:00.000000Z"
SETTINGS = Settings(database_url=None)
MAX_LINE = 400

CELLS = {
    "model": [
        "L4",
        " L4 ",
        "é",
        "e\u0301",
        "\u200b",
        '="L4"',
        "N/A",
        "a  b",
        "",
        "x" * 201,
        '"a,b"',
        '"two\nlines"',
        '"open',
        'a"b',
        "a\rb",
        "a\0b",
        "\udcff",
    ],
    "price_usd": ["1", "1.50", "-0", "1e3", "nan", "$9", "", "1_0", "1.299,50", '="7"'],
    "score": ["0.5", "89.70154501941143", "x"],
    "quantity": [
        "3",
        "80.0",
        "Available",
        "Out of Stock",
        "",
        "-1",
        "nan",
        "7 left",
        "5+",
        "5-10",
        "1,5",
    ],
    "availability": ["", "soon", "y" * 201, "none"],
    "seen_at": [
        "",
        "2025-07-01",
        "2025-07-01T12:00:00Z",
        "2025-07-01 12:00+02:00",
        "2025-02-30T00:00:00Z",
        "1751328000",
    ],
    "currency": ["", "USD", "EUR"],
    "note": ["", "x", ' "q""', '"q""r"', "é", "z" * 66_000],
    "extra": ["", '"{""a"": 1}"', '"{""a"": 1, ""a"": 2}"', "text"],
    "nvlink": ["yes", "FALSE", "", "maybe"],
    "heuristics": ["", "{}", '"{""a"": 1.10}"', "not json", "null", "[1,2"],
    "quantization_capacity_7b": ["", "1"],
    "quantization_capacity_13b": ["", "1"],
    "quantization_capacity_70b": ["", "1"],
    "source_url": ["", "https://a.example/1", "u" * 500],
}
GOOD = {name: cells[:2] for name, cells in CELLS.items()}
ENDS = ["\n", "\r\n", "\n\n", ",\n", ", x\n", "\n,,,\n", "\n \t\n"]


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """Mostly good rows; some of the others have any kind of error."""
    columns = draw(st.permutations(list(CELLS)))
    columns = ["model", "price_usd", "score", *columns[: draw(st.integers(0, 15))]]
    columns = list(dict.fromkeys(columns))
    lines = [",".join(columns) + "\n"]
    for _ in range(draw(st.integers(0, 12))):
        pool = CELLS if draw(st.integers(0, 5)) == 0 else GOOD
        cells = [draw(st.sampled_from(pool[name])) for name in columns]
        lines.append(",".join(cells) + draw(st.sampled_from(ENDS if pool is CELLS else ENDS[:2])))
    text = "".join(lines)
    return (text.rstrip("\n") if draw(st.booleans()) else text).encode("utf-8", "surrogateescape")


@pytest.fixture(params=[60, 256 * 1024], ids=["small blocks", "large blocks"], autouse=True)
def _block_size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glyphd.importing.blocks.BLOCK_BYTES", request.param)


def _one_by_one(data: bytes, delimiter: str = ",") -> Iterator[Any]:
    lines = PhysicalLines(io.BytesIO(data), encoding="utf-8", max_bytes=MAX_LINE)
    rows = CsvRows(lines, Layout(delimiter), max_columns=1000)
    check = RowCheck(rows.header, CheckOptions(RECEIVED_AT), Findings())
    for row in rows:
        yield from _in_order(check.rows([row]))


def _by_block(data: bytes, delimiter: str = ",") -> Iterator[Any]:
    job = Job(
        received_at=RECEIVED_AT, content_type="text/csv", delimiter=delimiter, encoding="utf-8"
    )
    source: Any = io.BufferedReader(io.BytesIO(data), READ_BYTES)
    settings = SETTINGS.model_copy(update={"max_line_bytes": MAX_LINE})
    kept = KeptRows(source, source, job, settings)
    for checked in kept.checked():
        yield from _in_order(checked)


def _in_order(checked: Checked) -> Iterator[Any]:
    """The rows of a chunk in order, each with its values or its errors."""
    nothing = [None] * (checked.rows_read - len(checked.refused))
    columns = [checked.accepted.get(name, nothing) for name in (*PLACE_COLUMNS, *STORED_COLUMNS)]
    rows = {row[0]: row for row in zip(*columns, strict=True)}
    refused = {errors[0].row: [error.as_dict() for error in errors] for errors in checked.refused}
    yield from (found for _, found in sorted((rows | refused).items()))


def _told(rows: Iterator[Any]) -> tuple[list[str], str | None]:
    """The exact rows, and the reason why the file can't be read further."""
    told: list[str] = []
    try:
        for row in rows:
            told.append(json.dumps(row))  # noqa: PERF401  # rows before the error count
    except UnreadableFile as error:
        return told, error.detail
    return told, None


@examples(100)
@given(files())
def test_any_file_is_the_same_either_way(data: bytes) -> None:
    _require_the_same(data)


@examples(30)
@given(st.lists(given_rows(), min_size=1, max_size=5), dialects())
def test_every_sound_row_is_the_same_either_way(rows: list[dict[str, Any]], dialect: Any) -> None:
    data = as_csv(rows, dialect).data
    delimiter = "tab" if dialect.delimiter == "\t" else dialect.delimiter
    _require_the_same(data, delimiter)


def _require_the_same(data: bytes, delimiter: str = ",") -> None:
    """If the file can't be read further, the last rows of the chunk where this was found may be
    missing."""
    slow, why = _told(_one_by_one(data, delimiter))
    quick, also_why = _told(_by_block(data, delimiter))
    assert also_why == why
    assert quick == (slow if why is None else slow[: len(quick)])


def test_plain_rows_are_taken_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without oddities is hardly ever checked row by row."""
    data = ("model,price_usd,score\n" + "L4,1,0.5\n" * 1000).encode()
    monkeypatch.setattr(RowCheck, "rows", None)
    assert len(list(_by_block(data))) == 1000


def test_a_memo_of_ever_new_values_gives_up() -> None:
    memo = Memo(lambda value: value)
    for start in range(0, 4 * MOST_REMEMBERED, 1000):
        values = list(range(start, start + 1000))
        assert memo.column(values) == values
    assert len(memo) == 0


def test_a_memo_asks_once_for_what_comes_again() -> None:
    asked: list[str] = []

    def lower(value: str) -> str:
        asked.append(value)
        return value.lower()

    memo = Memo(lower)
    for _ in range(3):
        assert memo.column(["A", "B", "A", "A", "B"]) == ["a", "b", "a", "a", "b"]
    assert asked == ["A", "B"]
