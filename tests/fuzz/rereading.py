"""Rows that were accepted, written as CSV once more and read again."""

import csv
import io
from collections.abc import Iterable

from glyphd.contracts.listings import COLUMN_NAMES, COLUMNS
from glyphd.contracts.row_errors import MAX_VALUE_CHARACTERS, RowError
from glyphd.importing.csv_rows import CsvRows
from glyphd.importing.json_rows import MAX_CONFLICT
from glyphd.importing.lines import PhysicalLines
from glyphd.importing.rows import Place, Row
from glyphd.importing.validation import row_check
from glyphd.storage.staging import StagedRow

_AT_VALUES = len(Place._fields)
_WIDEST = 1 << 24
CHECK = row_check("2025-07-29T12:12:00.000000Z")


def check_rows(rows: Iterable[Row]) -> None:
    """All rows have to be accepted as what they are read as again, or refused in few words, each in its turn."""
    for number, row in enumerate(rows, start=1):
        assert row.place.row == number
        checked = CHECK(row)
        if isinstance(checked, list):
            _require_few_words(checked)
        else:
            _require_same_again(checked)


def _require_few_words(errors: list[RowError]) -> None:
    assert 0 < len(errors) <= len(COLUMNS)
    for error in errors:
        assert len(error.value or "") <= MAX_VALUE_CHARACTERS
        assert len(error.column or "") <= MAX_VALUE_CHARACTERS
        assert 0 < len(error.message) <= MAX_CONFLICT


def _require_same_again(accepted: StagedRow) -> None:
    values = accepted[_AT_VALUES:]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMN_NAMES)
    writer.writerow(
        [column.cell.as_text(column.cell.native(value)) for column, value in zip(COLUMNS, values, strict=True)]
    )
    lines = PhysicalLines(io.BytesIO(text.getvalue().encode()), encoding="utf-8", max_bytes=_WIDEST)
    (row,) = CsvRows(lines, ",", max_columns=len(COLUMNS))
    again = CHECK(row)
    assert repr(again[_AT_VALUES:]) == repr(values)
