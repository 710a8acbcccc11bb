"""Accepted rows are written as CSV and read again."""

import csv
import io
from collections.abc import Iterable
from typing import Any

from glyphd.contracts.column_checks import CheckOptions
from glyphd.contracts.column_names import HeaderMap
from glyphd.contracts.columns import COLUMN, STORED_COLUMNS
from glyphd.contracts.findings import Findings
from glyphd.contracts.row_errors import MAX_VALUE_CHARACTERS, RowError
from glyphd.importing.csv_rows import CsvRows
from glyphd.importing.file_rows import Row
from glyphd.importing.json_rows import MAX_CONFLICT
from glyphd.importing.layouts import Layout
from glyphd.importing.lines import PhysicalLines
from glyphd.importing.validation import Checked, RowCheck

_WIDEST = 1 << 24
OPTIONS = CheckOptions("2025-07-29T12:12:00.000000Z")


def check_rows(rows: Iterable[Row], header: HeaderMap) -> None:
    """Every row must be either accepted, with the same values when it is read again, or refused in
    few words. Row numbers must be in order."""
    check = RowCheck(header, OPTIONS, Findings())
    for number, row in enumerate(rows, start=1):
        assert row.place.row == number
        checked = check.rows([row])
        if checked.refused:
            _require_few_words(checked.refused[0])
        else:
            _require_same_again(checked)


def _require_few_words(errors: list[RowError]) -> None:
    assert 0 < len(errors) <= len(STORED_COLUMNS) + 1
    for error in errors:
        assert len(error.value or "") <= MAX_VALUE_CHARACTERS
        assert len(error.column or "") <= MAX_VALUE_CHARACTERS
        assert 0 < len(error.message) <= MAX_CONFLICT


def _require_same_again(checked: Checked) -> None:
    values = _values(checked)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(STORED_COLUMNS)
    writer.writerow(
        [_cell(name, value) for name, value in zip(STORED_COLUMNS, values, strict=True)]
    )
    lines = PhysicalLines(io.BytesIO(text.getvalue().encode()), encoding="utf-8", max_bytes=_WIDEST)
    rows = CsvRows(lines, Layout(), max_columns=len(STORED_COLUMNS))
    again = RowCheck(rows.header, OPTIONS, Findings()).rows(list(rows))
    assert repr(_values(again)) == repr(values)


def _values(checked: Checked) -> list[Any]:
    return [checked.accepted.get(name, [None])[0] for name in STORED_COLUMNS]


def _cell(name: str, value: Any) -> str | None:
    cell = COLUMN[name].cell
    return cell.as_text(cell.native(value))
