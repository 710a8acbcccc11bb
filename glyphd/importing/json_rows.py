"""Rows given as JSON objects, one a line in the kept file."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic_core import PydanticCustomError, from_json

from glyphd.contracts.headers import HeaderMap, map_headers
from glyphd.contracts.listings import COLUMN_NAMES, COLUMNS
from glyphd.contracts.row_errors import RowError
from glyphd.errors import UnreadableFile
from glyphd.importing.lines import LineSource
from glyphd.importing.rows import Place, Row, cell_error, row_error, shown_name

MAX_IGNORED = 1000
"""Names kept as ignored: every row may bring new ones."""

MAX_CONFLICT = 500
"""Characters told of the names that mean one column: there may be a million of them in one row."""

_RESERVED = frozenset({"import_id"})


class JsonRows:
    """Iterates over the rows of a file that glyphd wrote itself: one JSON object a line.

    A number beyond any double was read as infinity and stands there as such; only a column nobody knows may hold one.
    """

    def __init__(self, source: LineSource) -> None:
        self._source = source
        self._ignored: dict[str, None] = {}

    @property
    def ignored_columns(self) -> list[str]:
        """The names met so far that nobody knows."""
        return list(self._ignored)

    def cells(self, row: Row) -> list[str]:
        """The row's values in column order, as the cells of a CSV."""
        return [text or "" for text in row.texts or ()]

    def __iter__(self) -> Iterator[Row]:
        number = offset = 0
        while raw := self._source.readline():
            number += 1
            try:
                given = from_json(raw)
            except ValueError as error:
                raise UnreadableFile(f"line {number} is not JSON", line=number) from error
            row = read_object(Place(number, number, offset, len(raw)), given)
            offset += len(raw)
            self._remember_ignored(row.header)
            yield row

    def _remember_ignored(self, header: HeaderMap) -> None:
        for name in header.ignored:
            if len(self._ignored) == MAX_IGNORED:
                return
            if name not in _RESERVED:
                self._ignored[shown_name(name)] = None


def read_object(place: Place, given: Any) -> Row:
    """The row that a JSON value gives: texts in column order, and an error for each value of a wrong type."""
    if not isinstance(given, Mapping):
        return Row(place, None, _NO_HEADER, [row_error(place, "not_an_object", "is not a JSON object")])
    header = map_headers(list(given), COLUMN_NAMES)
    if header.conflicts:
        conflict = header.conflicts[0][:MAX_CONFLICT]
        return Row(place, None, header, [row_error(place, "duplicate_column", conflict)])
    values = list(given.values())
    errors: list[RowError] = []
    row = Row(place, [None] * len(COLUMNS), header, errors)
    for at, column in enumerate(COLUMNS):
        if column.name not in header.positions:
            continue
        value = values[header.positions[column.name]]
        try:
            row.texts[at] = column.cell.as_text(value)  # type: ignore[index]
        except PydanticCustomError as error:
            errors.append(cell_error(row, column.name, error.type, error.message(), str(value)))
    return row


_NO_HEADER = HeaderMap((), {}, (), ())
