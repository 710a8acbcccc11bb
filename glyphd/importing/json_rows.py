"""Rows given as JSON objects, one on each line of the kept file."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic_core import from_json

from glyphd.contracts.column_names import HeaderMap, nearly_known
from glyphd.contracts.columns import COLUMN_NAMES, INPUT_COLUMNS
from glyphd.contracts.findings import NEARLY_KNOWN_COLUMNS, Findings
from glyphd.contracts.json_values import RepeatedKeys
from glyphd.contracts.object_cells import object_cells
from glyphd.errors import UnreadableFile
from glyphd.importing.file_rows import Place, Row, cell_error, row_error, shown_name
from glyphd.importing.lines import LineSource

MAX_IGNORED = 1000
"""The most names stored as ignored, because every row can have new ones."""

MAX_CONFLICT = 500
"""Characters shown of names for the same column, because one row can have a million of them."""

_RESERVED = frozenset({"import_id"})


class JsonRows:
    """Iterates over the rows of a file that glyphd wrote itself: one JSON object on each line.

    `known` are the columns of the row contract, or those when the file was received. A number too
    large for a double was read as infinity and stays so; only an unknown column can contain one.
    """

    blank_rows = 0

    def __init__(
        self,
        source: LineSource,
        findings: Findings | None = None,
        known: Sequence[str] = INPUT_COLUMNS,
    ) -> None:
        self._source = source
        self._findings = findings or Findings()
        self._known = known
        self._ignored: dict[str, None] = {}

    @property
    def ignored_columns(self) -> list[str]:
        """The unknown names found so far."""
        return list(self._ignored)

    def cells(self, row: Row) -> list[str]:
        """The row's values in the order of INPUT_COLUMNS, as the cells of a CSV."""
        return row.cells or []

    def __iter__(self) -> Iterator[Row]:
        number = offset = 0
        while raw := self._source.readline():
            number += 1
            try:
                given = from_json(raw)
            except ValueError as error:
                raise UnreadableFile(f"line {number} is not JSON", line=number) from error
            row = read_object(Place(number, number, offset, len(raw)), given, self._known)
            offset += len(raw)
            self._remember_ignored(row)
            yield row

    def _remember_ignored(self, row: Row) -> None:
        """New names are also compared with the known ones."""
        header = row.header
        new = {shown_name(name) for name in header.ignored} - self._ignored.keys() - _RESERVED
        if not new or len(self._ignored) == MAX_IGNORED:
            return
        for name, near in nearly_known(header, COLUMN_NAMES).items():
            if shown_name(name) in new:
                self._findings.add(
                    NEARLY_KNOWN_COLUMNS, 1, [row.place.line], f"{shown_name(name)} ({near})"
                )
        for name in map(shown_name, header.ignored):
            if name in new and len(self._ignored) < MAX_IGNORED:
                self._ignored[name] = None


def read_object(place: Place, given: Any, known: Sequence[str] = INPUT_COLUMNS) -> Row:
    """The row of a JSON value: its cells, and an error for each value of a wrong type."""
    if isinstance(given, RepeatedKeys):
        return Row(
            place, None, _NO_HEADER, [row_error(place, given.error.type, given.error.message())]
        )
    if not isinstance(given, Mapping):
        return Row(
            place, None, _NO_HEADER, [row_error(place, "not_an_object", "is not a JSON object")]
        )
    found = object_cells(given, known)
    if found.header.conflicts:
        conflict = found.header.conflicts[0][:MAX_CONFLICT]
        return Row(place, None, found.header, [row_error(place, "duplicate_column", conflict)])
    errors = [cell_error(place, found.header, name, fault) for name, fault in found.faults.items()]
    return Row(place, found.cells, found.header, errors)


_NO_HEADER = HeaderMap((), {})
