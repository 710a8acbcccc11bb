"""Checks rows against the row contract: the accepted values, and all errors of the other rows."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from glyphd.contracts.column_checks import Chunk, ColumnCheck
from glyphd.contracts.column_names import HeaderMap
from glyphd.contracts.columns import POSITION
from glyphd.contracts.findings import SHOWN_LINES, TWO_SCORES
from glyphd.contracts.row_errors import Fault, RowError
from glyphd.importing.file_rows import Place, Row, cell_error
from glyphd.storage.stage_tables import PLACE_COLUMNS
from glyphd.storage.staging import StagedColumns

_SCORE_ALIAS = "final_score"


class Checked(NamedTuple):
    """A chunk of rows: their number, the accepted ones, and the errors of each of the others."""

    rows_read: int
    accepted: StagedColumns
    refused: list[list[RowError]]


class RowCheck(ColumnCheck):
    """Checks the rows of one file: a CSV with this header, or with `object_cells.OBJECT_HEADER`
    objects."""

    def block(self, chunk: Chunk) -> Checked:
        """Rows of a CSV, all of which have the header's columns."""
        numbers, lines = chunk.places["import_index"], chunk.places["line"]
        if _SCORE_ALIAS in self.header.beside:
            self._note_two_scores(lines)
        values, faults = self.values(chunk)
        if not faults:
            return Checked(len(lines), {**chunk.places, **values}, [])
        refused = [
            _errors(Place(numbers[at], lines[at], 0, 0), self.header, faults[at])
            for at in sorted(faults)
        ]
        places = chunk.only([at for at in range(len(lines)) if at not in faults]).places
        return Checked(len(lines), {**places, **values} if values else {}, refused)

    def rows(self, rows: Sequence[Row]) -> Checked:
        """Individually read rows, with the errors that were already found."""
        whole = [row for row in rows if row.cells is not None]
        refused = {row.place.row: list(row.errors) for row in rows if row.cells is None}
        accepted: StagedColumns = {}
        if whole:
            chunk = Chunk(
                _places(whole), list(zip(*(row.cells or () for row in whole), strict=True))
            )
            self._note_two_scores(
                [row.place.line for row in whole if _SCORE_ALIAS in row.header.beside]
            )
            values, faults = self.values(chunk, [at for at, row in enumerate(whole) if row.errors])
            for at, row in enumerate(whole):
                if row.errors or at in faults:
                    refused[row.place.row] = _errors(
                        row.place, row.header, faults.get(at, {}), row.errors
                    )
            sound = [row for row in whole if row.place.row not in refused]
            accepted = {**_places(sound), **values} if values else {}
        return Checked(len(rows), accepted, [refused[number] for number in sorted(refused)])

    def _note_two_scores(self, lines: Sequence[int]) -> None:
        if lines:
            self.findings.add(TWO_SCORES, len(lines), lines[:SHOWN_LINES])


def _places(rows: Sequence[Row]) -> Mapping[str, Sequence[int]]:
    return dict(zip(PLACE_COLUMNS, zip(*(row.place for row in rows), strict=True), strict=False))


def _errors(
    place: Place, header: HeaderMap, faults: Mapping[str, Fault], known: Sequence[RowError] = ()
) -> list[RowError]:
    """All errors of a row, in column order; a cell that could not even be read is not reported
    twice."""
    found = {error.field: error for error in known}
    for column, fault in faults.items():
        found.setdefault(column, cell_error(place, header, column, fault))
    return sorted(found.values(), key=lambda error: POSITION.get(error.field or "", -1))
