"""Rows of a CSV: their positions, their cells, and which oddities belong to which row."""

import io
from typing import Any

import pytest

from glyphd.contracts.column_checks import CheckOptions
from glyphd.contracts.findings import Findings
from glyphd.errors import UnreadableFile
from glyphd.importing.csv_rows import CsvRows
from glyphd.importing.file_rows import Row
from glyphd.importing.layouts import Layout
from glyphd.importing.lines import PhysicalLines
from glyphd.importing.validation import RowCheck

HEADER = b"model,price_usd,score\n"


def _open(data: bytes, delimiter: str = ",") -> CsvRows:
    return CsvRows(
        PhysicalLines(io.BytesIO(data), encoding="utf-8", max_bytes=1_000_000),
        Layout(delimiter),
        max_columns=1000,
    )


def _models(rows: list[Row]) -> list[str | None]:
    return [row.cells[0] if row.cells else None for row in rows]


def _codes(rows: list[Row]) -> list[list[str]]:
    return [[error.code for error in row.errors] for row in rows]


def test_a_row_has_the_cells_of_its_record() -> None:
    row = next(iter(_open(b"score,notes,model\n0.5,x,A \n")))
    assert row.cells == ["0.5", "x", "A "]
    assert row.header.positions == {"score": 0, "model": 2}


def test_a_place_is_exactly_the_bytes_of_its_record() -> None:
    records = [
        b"A,1,0.5\r\n",
        '"ä\nand more",1,0.5\n'.encode(),
        b"B,1\n",
        b"\xff,1,0.5\n",
        b"C,1,0.5",
    ]
    data = b"\xef\xbb\xbf\n" + HEADER + records[0] + b"\n\r\n" + b"".join(records[1:])
    places = [row.place for row in _open(data)]
    assert [data[place.offset : place.offset + place.length] for place in places] == records
    assert [(place.row, place.line) for place in places] == [
        (1, 3),
        (2, 6),
        (3, 8),
        (4, 9),
        (5, 10),
    ]


@pytest.mark.parametrize(("name", "delimiter"), [(",", ","), (";", ";"), ("tab", "\t"), ("|", "|")])
def test_each_delimiter_goes_by_its_name(name: str, delimiter: str) -> None:
    data = (
        delimiter.join(["model", "price_usd", "score"]) + "\n" + delimiter.join(["A", "1", "0.5"])
    )
    assert _models(list(_open(data.encode(), name))) == ["A"]


def test_the_header_is_the_first_record_that_is_not_blank() -> None:
    assert _open(b"\n\r\n" + HEADER).header.names == ("model", "price_usd", "score")


@pytest.mark.parametrize("header", [b"model\xff\n", b'"model"x\n', b"m" * 1_000_001 + b"\n"])
def test_a_flawed_header_is_not_passed_over(header: bytes) -> None:
    with pytest.raises(UnreadableFile) as unreadable:
        _open(header + HEADER)
    assert unreadable.value.members == {"line": 1}


def test_a_file_of_nothing_has_no_header() -> None:
    assert _open(b"").header.names == ()


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"B,1\n", "wrong_cell_count"),
        (b"B,1,0.5,x\n", "wrong_cell_count"),
        (b'"B"b,1,0.5\n', "bad_quoting"),
        (b"B,1\r,0.5\n", "stray_carriage_return"),
        (b"B\0,1,0.5\n", "nul_character"),
        (b"B\xff,1,0.5\n", "undecodable"),
        (b"\xff\n", "undecodable"),
        (b"B,1," + b"9" * 131_073 + b"\n", "cell_too_large"),
        (b'B,1,"' + b"9" * 131_073 + b'"\n', "cell_too_large"),
        (b"x" * 1_000_001 + b"\n", "line_too_long"),
        (b'"' + b"x" * 1_000_001 + b'"\n', "line_too_long"),
        (b'"B"b,1,"0.5"\n', "bad_quoting"),
        (b'"B"b,"a ""quoted"" word",0.5\n', "bad_quoting"),
        (b'B,1\r,"0.5"\n', "stray_carriage_return"),
    ],
)
def test_what_is_wrong_with_one_line_is_the_error_of_its_row_alone(line: bytes, code: str) -> None:
    rows = list(_open(HEADER + b"A,1,0.5\n" + line + b"C,1,0.5\n"))
    assert _codes(rows) == [[], [code], []]
    assert _models(rows) == ["A", None, "C"]
    assert (rows[1].errors[0].row, rows[1].errors[0].line) == (2, 3)


@pytest.mark.parametrize(
    "data",
    [
        b'A,1,0.5\n"B,1,0.5\nC,1,0.5\n',
        b'A,1,0.5\n"B,1,0.5',
        b'A,1,0.5\n"B,1,0.5\nC,1,0.5\n"D",1,0.5\n',
        b'A,1,0.5\n"B\n' + (b"x" * 1000 + b"\n") * 200,
    ],
)
def test_a_quote_that_is_not_closed_on_its_line_properly_ends_the_reading(data: bytes) -> None:
    rows = iter(_open(HEADER + data))
    assert next(rows).place.line == 2
    with pytest.raises(UnreadableFile) as unreadable:
        list(rows)
    assert unreadable.value.members == {"line": 3}


AMBIGUOUS = {
    "text behind a quote, and another quote": b'"B"b,"abc\n',
    "text behind a quote, and an inch": b'"15" rack",1,0.5\n',
    "a stray return, and a quote": b'B\r,"abc\n',
    "a stray return behind a record of two lines, and a quote": b'"B\nb",1\r,"abc\n',
    "a NUL, text behind a quote, and another quote": b'"B"\0b,"abc\n',
    "a cell too large, and a quote": b"9" * 131_073 + b',1,"abc\n',
    "a line too long, and a quote": b"9" * 1_000_001 + b',1,"abc\n',
}


@pytest.mark.parametrize("broken", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_a_broken_line_that_may_leave_a_quote_open_ends_the_reading(broken: bytes) -> None:
    """The following text looks like rows, but may be inside the quote."""
    rows = iter(_open(HEADER + b"A,1,0.5\n" + broken + b'evil,1,0.5\nend",1,0.5\n'))
    assert next(rows).place.line == 2
    with pytest.raises(UnreadableFile) as unreadable:
        next(rows)
    assert unreadable.value.members["line"] == 2 + broken.count(b"\n")


def test_a_stray_return_behind_a_record_of_two_lines_is_its_rows_error() -> None:
    rows = list(_open(HEADER + b'"B\nb",1\r,0.5\nC,1,0.5\n'))
    assert _codes(rows) == [["stray_carriage_return"], []]


@pytest.mark.parametrize("quote", [b"", b'"'])
def test_the_largest_cell_has_131072_characters(quote: bytes) -> None:
    cell = "é" * 131_072
    (row,) = _open(HEADER + quote + cell.encode() + quote + b",1,0.5\n")
    assert row.cells is not None
    assert row.cells[0] == cell


def test_a_cell_of_many_lines_has_the_same_limit() -> None:
    """The quote may be a mistake, so the following lines are not guessed at."""
    assert len(list(_open(HEADER + b'"' + b"x\n" * 65_536 + b'",1,0.5\n'))) == 1
    with pytest.raises(UnreadableFile):
        list(_open(HEADER + b'"' + b"x\n" * 65_536 + b'x",1,0.5\n'))


@pytest.mark.parametrize("line", [b'a","b\n', b'","\n', b"\n", b'"",\n'])
def test_a_record_that_never_ends_is_cut_off(line: bytes) -> None:
    """Otherwise cells that end and begin on every line would make one record of the whole file."""
    with pytest.raises(UnreadableFile) as unreadable:
        list(_open(HEADER + b'"' + line * (1_000_000 // len(line) + 1)))
    assert unreadable.value.members == {"line": 2}


def test_a_header_has_a_largest_number_of_columns() -> None:
    with pytest.raises(UnreadableFile) as unreadable:
        _open(b"\n" + b"x," * 1000 + b"\n")
    assert unreadable.value.members == {"line": 2}


def test_a_monstrous_name_is_cut_where_it_is_shown() -> None:
    rows = _open(b"model,score,price_usd" + b"." * 5000 + b"," + b"x" * 5000 + b"\nA,1,x,\n")
    check = RowCheck(rows.header, CheckOptions("2025-07-29T12:12:00.000000Z"), Findings())
    ((error,),) = check.rows(list(rows)).refused
    assert len(error.column or "") == 200
    assert rows.ignored_columns == ["x" * 200]


@pytest.mark.parametrize(
    "blank", [b",,\n", b"  \n", b"\xc2\xa0,\xe2\x80\x8b,\n", b" \t \n", b",,,,\n"]
)
def test_a_row_without_a_filled_cell_is_counted_and_has_no_number(blank: bytes) -> None:
    rows = _open(HEADER + b"A,1,0.5\n" + blank + b"\nB,1,0.5\n" + blank)
    assert [(row.place.row, row.place.line) for row in rows] == [(1, 2), (2, 5)]
    assert rows.blank_rows == 2


def test_empty_cells_behind_the_last_column_are_dropped() -> None:
    assert [row.cells for row in _open(HEADER + b"A,1,0.5,, \n")] == [["A", "1", "0.5"]]


def test_lines_before_the_header_are_skipped_and_counted() -> None:
    lines = PhysicalLines(
        io.BytesIO(b'a "note\n\0\n' + HEADER + b"A,1,0.5\n"), encoding="utf-8", max_bytes=1000
    )
    rows = CsvRows(lines, Layout(skip_lines=2), max_columns=10)
    assert (rows.header_line, [row.place.line for row in rows]) == (3, [4])


@pytest.mark.parametrize("data", [b"", b"sep=;\n", b"\n", b"x\nsep=;\n"])
def test_a_file_that_ends_before_its_header_has_none(data: bytes) -> None:
    lines = PhysicalLines(io.BytesIO(data), encoding="utf-8", max_bytes=1000)
    assert CsvRows(lines, Layout(skip_lines=1), max_columns=10).header.names == ()


def test_ignored_columns_are_told() -> None:
    assert _open(b"model,b,a\n").ignored_columns == ["b", "a"]


def test_memory_for_cells_is_not_shared_between_rows() -> None:
    """The rows of a chunk are held together while they are checked."""
    rows: list[Any] = [row.cells for row in _open(HEADER + b"A,1,0.5\nB,2,0.5\n")]
    assert [cells[0] for cells in rows] == ["A", "B"]
