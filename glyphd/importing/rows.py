"""A row on its way from a file to the row contract."""

from collections.abc import Sequence
from typing import NamedTuple

from glyphd.contracts.headers import HeaderMap
from glyphd.contracts.row_errors import MAX_VALUE_CHARACTERS, RowError, shown


class Place(NamedTuple):
    """Where a record stands: its number, its first physical line, and its bytes in the (unpacked) file."""

    row: int
    line: int
    offset: int
    length: int


class Row(NamedTuple):
    """One record: its texts in column order (None: empty), or None when its structure is broken.

    `header` is what the record's columns are called; `errors` is what reading already found wrong.
    """

    place: Place
    texts: list[str | None] | None
    header: HeaderMap
    errors: Sequence[RowError] = ()


def shown_name(name: str) -> str:
    """A column's name as statuses and errors show it: a file may call a column by a hundred thousand dots."""
    return name[:MAX_VALUE_CHARACTERS]


def row_error(place: Place, code: str, message: str, value: str | None = None) -> RowError:
    """An error of the whole row."""
    return RowError(place.row, place.line, None, None, code, message, shown(value))


def cell_error(row: Row, field: str, code: str, message: str, value: str | None) -> RowError:
    """An error of one cell; `column` is None when the file has no such column."""
    at = row.header.positions.get(field)
    column = None if at is None else shown_name(row.header.names[at])
    return RowError(row.place.row, row.place.line, field, column, code, message, shown(value))
