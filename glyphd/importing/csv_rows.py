"""Iterates over the rows of a CSV file; anything wrong with a record becomes its error."""

import csv
import re
from collections.abc import Iterable, Iterator
from typing import Any

from glyphd.contracts.column_names import HeaderMap, map_headers
from glyphd.contracts.columns import columns_of
from glyphd.contracts.texts import is_blank
from glyphd.errors import UnreadableFile
from glyphd.importing.file_rows import Place, Row, row_error, shown_name
from glyphd.importing.layouts import DELIMITERS, Layout
from glyphd.importing.lines import Flaw, PhysicalLines, ambiguous

MAX_CELL_CHARACTERS = 131_072
"""The csv module's own default limit, set explicitly because it is global to the process."""

_STRAY_RETURN = Flaw(
    "stray_carriage_return", "has a carriage return outside quotes that does not end a line"
)
_FLAWS = (
    (
        "field larger",
        Flaw("cell_too_large", f"has a cell of more than {MAX_CELL_CHARACTERS} characters"),
    ),
    ("new-line", _STRAY_RETURN),
    ("", Flaw("bad_quoting", "has text after a closing quote")),
)
_NO_CELLS: list[str] = []

_SEPARATOR_LINE = re.compile(r"(?i:sep)=(.)\r?\n?")
"""The line that Excel reads and writes before a header."""

REPORT_COLUMNS = ("_line", "_status", "_errors")
"""The columns that a report puts before the file's own. They don't count towards the limit, so that
any report can be uploaded."""


class CsvRows:
    """Reads the header immediately, then iterates over the rows; blank ones are only counted.

    `number` is that of the last returned row, `header_line` the line where the header starts.
    Raises UnreadableFile for a header that is invalid or has too many columns, if a quote never
    closes, and if a broken line may leave one open.
    """

    def __init__(self, lines: PhysicalLines, layout: Layout, *, max_columns: int) -> None:
        self.number = self.blank_rows = 0
        self.header_line = 1
        self._lines = lines
        self._layout = layout
        self._max_columns = max_columns
        self._cells = _NO_CELLS
        physical = iter(lines)
        for _ in range(layout.skip_lines):
            lines.begin_record()
            next(physical, None)
        lines.begin_record()
        self._reader = read_records(physical, layout.delimiter)
        self.header = self._read_header()
        self.ignored_columns = [shown_name(name) for name in self.header.ignored]

    def cells(self, row: Row) -> list[str]:
        """The cells of the last returned row, as in the file.

        If its cells can't be separated, its line is one cell, truncated to the limit for cells;
        then a record of several lines, or with a line that is too long, has no cells.
        """
        if row.cells is not None or self._cells or self._lines.number != row.place.line:
            return self._cells
        line = self._lines.text.rstrip("\r\n")
        return [line[:MAX_CELL_CHARACTERS]] if line else _NO_CELLS

    def __iter__(self) -> Iterator[Row]:
        lines, header, width = self._lines, self.header, len(self.header.names)
        while True:
            line, offset = lines.number + 1, lines.offset
            cells = self._next(line)
            if cells is None:
                return
            if lines.flaw is None and is_blank(cells):
                self.blank_rows += bool(cells)  # an empty line is not a row
                continue
            if len(cells) > width and is_blank(cells[width:]):
                del cells[width:]
            self.number += 1
            self._cells = cells
            place = Place(self.number, line, offset, lines.offset - offset)
            if lines.flaw is not None:
                yield Row(place, None, header, [row_error(place, *lines.flaw)])
            elif len(cells) != width:
                wrong = f"has {len(cells)} cells, the header has {width}"
                yield Row(place, None, header, [row_error(place, "wrong_cell_count", wrong)])
            else:
                yield Row(place, cells, header)

    def _read_header(self) -> HeaderMap:
        """The first record that is not blank."""
        lines = self._lines
        names: list[str] | None = []
        while names is not None and is_blank(names) and lines.flaw is None:
            line = lines.number + 1
            names = self._next(line)
            is_first = names is not None and line == self._layout.skip_lines + 1
            if is_first and separator_of(lines.text) is not None:
                names = []
        if lines.flaw is not None:
            raise UnreadableFile(f"the header {lines.flaw.message}", line=lines.number)
        count = len(names or []) - len(set(REPORT_COLUMNS).intersection(names or []))
        if count > self._max_columns:
            what = (
                f"the header in line {line} has {count} columns, at most {self._max_columns} "
                "are allowed"
            )
            raise UnreadableFile(what, line=line)
        self.header_line = line
        known = columns_of(self._layout.schema_version)
        return map_headers([name.strip() for name in names or []], known, self._layout.column_map)

    def _next(self, line: int) -> list[str] | None:
        """The next record's cells, None at the end; its error is in `lines.flaw`."""
        self._lines.begin_record()
        try:
            cells: list[str] = next(self._reader)
        except StopIteration:
            return None
        except csv.Error as error:
            flaw = next(flaw for sign, flaw in _FLAWS if sign in str(error))
            self._require_clear_end(line, flaw, at_end="end of data" in str(error))
            self._lines.note(flaw)
            return _NO_CELLS
        return cells

    def _require_clear_end(self, line: int, flaw: Flaw, *, at_end: bool) -> None:
        """A broken record ends with its line only if no quote is open there: a line that began
        inside quotes has an odd number of them, any other an even one."""
        lines = self._lines
        spans_lines = lines.number > line
        if at_end or (spans_lines and flaw is not _STRAY_RETURN):
            what = f"the quote opened in the record at line {line} is not closed properly"
            raise UnreadableFile(what, line=line) from None
        if lines.text.count('"') % 2 != spans_lines:
            raise ambiguous(lines.number, flaw) from None


def read_records(lines: Iterable[str], delimiter: str, *, strict: bool = True) -> Any:
    """The csv module's reader with our options. A quote also opens a cell after a space."""
    csv.field_size_limit(MAX_CELL_CHARACTERS)
    return csv.reader(lines, delimiter=DELIMITERS[delimiter], skipinitialspace=True, strict=strict)


def separator_of(line: str) -> str | None:
    """The delimiter that a line `sep=;` names; None for any other line."""
    found = _SEPARATOR_LINE.fullmatch(line)
    return found[1] if found else None
