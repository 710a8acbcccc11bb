"""A row on its way from a file to the row contract."""

from collections.abc import Sequence
from typing import NamedTuple

from glyphd.contracts.column_names import HeaderMap
from glyphd.contracts.row_errors import MAX_VALUE_CHARACTERS, Fault, RowError, shown


class Place(NamedTuple):
    """The place of a record: its number, its first physical line, and its bytes in the (unpacked)
    file."""

    row: int
    line: int
    offset: int
    length: int


class Row(NamedTuple):
    """One record: its cells, or None if its structure is broken.

    Those of a CSV are in the file's own order, those of a JSON object in the order of
    INPUT_COLUMNS. `header` has the names of the record's columns; `errors` were found while
    reading.
    """

    place: Place
    cells: list[str] | None
    header: HeaderMap
    errors: Sequence[RowError] = ()


def shown_name(name: str) -> str:
    """A column's name for statuses and errors, shortened because a name in a file can be very
    long."""
    return name[:MAX_VALUE_CHARACTERS]


def row_error(place: Place, code: str, message: str, value: str | None = None) -> RowError:
    """An error of the whole row."""
    return RowError(place.row, place.line, None, None, code, message, shown(value))


def cell_error(place: Place, header: HeaderMap, field: str, fault: Fault) -> RowError:
    """An error of one cell; `column` is None if the file has no such column."""
    at = header.positions.get(field)
    column = None if at is None else shown_name(header.names[at])
    return RowError(
        place.row, place.line, field, column, fault.code, fault.message, shown(fault.value)
    )
