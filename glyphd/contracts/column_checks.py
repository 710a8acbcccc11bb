"""Checks rows by column, in chunks of one or more: the only way in which rows become values that
the archive stores.

A column goes through pydantic's compiled validator as a whole. Only if it refuses something, the
cells are checked one at a time to find the errors, and the rows with errors are left out.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import SchemaValidator, core_schema as cs

from glyphd.contracts.column_names import HeaderMap
from glyphd.contracts.columns import (
    CAPACITIES,
    COLUMN,
    CURRENCY,
    CURRENCY_CELL,
    EXTRA,
    REQUIRED,
    Column,
)
from glyphd.contracts.findings import NULL_MARKERS, Findings
from glyphd.contracts.memos import ColumnMemo
from glyphd.contracts.numeric_cells import NumericCell
from glyphd.contracts.row_errors import Fault
from glyphd.contracts.row_rules import (
    IN_THE_FUTURE,
    INCOMPLETE_CAPACITIES,
    UNSUPPORTED_CURRENCY,
    has_some_capacities,
    is_dollars,
    is_words,
    without_nulls,
)
from glyphd.contracts.unknown_columns import UnknownColumns


class Chunk(NamedTuple):
    """Some rows by column: the place of each in its file, named as in the archive, and its
    cells."""

    places: Mapping[str, Sequence[int]]
    columns: Sequence[Sequence[str]]

    def only(self, kept: Sequence[int]) -> "Chunk":
        """The rows at these positions."""
        places = {name: [column[at] for at in kept] for name, column in self.places.items()}
        return Chunk(places, [[column[at] for at in kept] for column in self.columns])


Values = dict[str, Sequence[Any]]
"""The stored values of some rows, by column; columns that are null in all of them may be
missing."""


class Faults(dict[int, dict[str, Fault]]):
    """The faults by the row's position in its chunk and by column; only the first one for each
    cell."""

    def add(self, at: int, column: str, fault: Fault) -> None:
        self.setdefault(at, {}).setdefault(column, fault)


@dataclass(frozen=True)
class CheckOptions:
    """What the check of a file's rows depends on.

    `received_at`, if given, is the `seen_at` of rows that have none. No row may have been seen
    later than `latest_seen_at`; None if that is not checked, because the file is read again.
    """

    received_at: str | None
    latest_seen_at: str | None = None
    has_decimal_comma: bool = False


class ColumnCheck:
    """Checks chunks of rows of a file with this header."""

    def __init__(self, header: HeaderMap, options: CheckOptions, findings: Findings) -> None:
        self._positions = header.positions
        self._options = options
        self._findings = findings
        self._columns = {
            name: _CheckedColumn(column, options.has_decimal_comma)
            for name, column in COLUMN.items()
        }
        self._words = ColumnMemo(self._quantity_words)
        self._unknown = UnknownColumns(header)

    def __call__(self, chunk: Chunk, refused: Collection[int] = ()) -> tuple[Values, Faults]:
        """The values of the valid rows, and the faults of the others.

        `refused` are the positions of rows that are already known to be invalid.
        """
        faults = Faults()
        values = self._check(chunk, faults, self._findings)
        if faults or refused:
            count = len(chunk.places["line"])
            sound = [at for at in range(count) if at not in faults and at not in refused]
            values = self._check(chunk.only(sound), Faults(), Findings()) if sound else {}
        return values, faults

    def _check(self, chunk: Chunk, faults: Faults, findings: Findings) -> Values:
        count = len(chunk.places["line"])
        given = {name: chunk.columns[at] for name, at in self._positions.items()}
        given |= {name: [""] * count for name in REQUIRED if name not in given}
        # 1. The rules on prices that concern a whole row.
        _check_currency(given.pop(CURRENCY, ()), faults)
        # 2. Quantities in words move before either column is checked.
        objects = given.pop(EXTRA, ())
        words = self._move_words(given, count)
        # 3. Check each column, except those that are empty in all rows.
        values: Values = {
            name: self._columns[name].values(cells, faults)
            for name, cells in given.items()
            if COLUMN[name].required or any(cells)
        }
        self._count_null_markers(given, values, chunk.places["line"], findings)
        # 4. Rules that span several columns.
        _check_capacities(values, faults)
        values["seen_at"] = self._seen_at(values.get("seen_at"), count, faults)
        # 5. Unknown columns.
        extra = self._unknown(
            chunk.columns, objects, words, lambda at, error: faults.add(at, EXTRA, Fault.of(error))
        )
        if extra is not None:
            values[EXTRA] = extra
        return values

    def _move_words(self, given: dict[str, Sequence[str]], count: int) -> Sequence[str | None]:
        """Moves quantities in words to an empty availability; returns those whose availability is
        filled."""
        quantity = given.get("quantity", ())
        words = self._words(quantity)
        if not any(words):
            return ()
        stated = given.get("availability", [""] * count)
        is_free = [text is None for text in self._columns["availability"].texts(stated)]
        rows = list(zip(words, quantity, stated, is_free, strict=True))
        given["quantity"] = ["" if word else cell for word, cell, _, _ in rows]
        given["availability"] = [word if word and free else cell for word, _, cell, free in rows]
        return [None if free else word for word, _, _, free in rows]

    def _quantity_words(self, cell: str) -> str | None:
        (text,) = self._columns["quantity"].texts([cell])
        if text is None or not is_words(text):
            return None
        return COLUMN["availability"].cell.read(text)

    def _seen_at(self, found: Sequence[Any] | None, count: int, faults: Faults) -> Sequence[Any]:
        if found is None:
            return [self._options.received_at] * count
        if None in found:
            found = [moment or self._options.received_at for moment in found]
        latest = self._options.latest_seen_at
        if latest is not None and max(found) > latest:
            for at, moment in enumerate(found):
                if moment > latest:
                    faults.add(at, "seen_at", Fault(*IN_THE_FUTURE, moment))
        return found

    def _count_null_markers(
        self,
        given: Mapping[str, Sequence[str]],
        values: Values,
        lines: Sequence[int],
        findings: Findings,
    ) -> None:
        """A null that does not come from an empty cell comes from a null marker."""
        for name, found in values.items():
            column = self._columns[name]
            if column.has_markers and not COLUMN[name].required:
                rows = zip(lines, given[name], found, strict=True)
                marked = [
                    line for line, cell, value in rows if value is None and column.cell.read(cell)
                ]
                if marked:
                    findings.add(NULL_MARKERS, len(marked), marked, name)


class _CheckedColumn:
    """The check of one column. `has_markers` is true after the first null marker in it: most
    columns never have one."""

    def __init__(self, column: Column, has_decimal_comma: bool) -> None:
        self.cell = column.cell
        if has_decimal_comma and isinstance(column.cell, NumericCell):
            self.cell = replace(column.cell, comma=True)
        self.has_markers = False
        self._name = column.name
        self._required = column.required
        self._markers = column.null_markers
        one = SchemaValidator(self.cell.text_schema()).validate_python
        self._validate = SchemaValidator(cs.list_schema(self.cell.text_schema())).validate_python
        self._memo = ColumnMemo(
            lambda cell: one(self.texts([cell])[0]), lambda cells: self._validate(self.texts(cells))
        )

    def texts(self, cells: Sequence[str]) -> Sequence[str | None]:
        """The texts to check, with None for null markers and empty cells."""
        given = self.cell.read_all(cells)
        texts = without_nulls(given, self._markers)
        if texts is not given and not self.has_markers:
            self.has_markers = texts.count(None) > given.count("")
        return texts

    def values(self, cells: Sequence[str], faults: Faults) -> Sequence[Any]:
        """The stored values; an invalid cell keeps its text to show that it is not empty."""
        try:
            return self._memo(cells)
        except ValidationError:
            return self._explained(cells, faults)

    def _explained(self, cells: Sequence[str], faults: Faults) -> Sequence[Any]:
        texts = list(self.texts(cells))
        try:
            self._validate(texts)
        except ValidationError as error:
            problems = error.errors(include_url=False, include_context=False, include_input=False)
        at_fault = {
            int(problem["loc"][0]): Fault(problem["type"], problem["msg"], None)
            for problem in problems
        }
        for at, fault in at_fault.items():
            faults.add(at, self._name, self._better(fault, cells[at]))
        if self._required:
            return texts
        values: list[Any] = self._validate(
            [None if at in at_fault else text for at, text in enumerate(texts)]
        )
        for at in at_fault:
            values[at] = texts[at]
        return values

    def _better(self, fault: Fault, cell: str) -> Fault:
        """The fault with the cell's text, and with a more specific code if there is one."""
        text = self.cell.read(cell)
        explained = self.cell.explain(text)
        return Fault(*explained, text) if explained else fault._replace(value=text or None)


def _check_currency(cells: Sequence[str], faults: Faults) -> None:
    foreign = {given for given in set(cells) if not is_dollars(CURRENCY_CELL.read(given))}
    if foreign:
        for at, given in enumerate(cells):
            if given in foreign:
                faults.add(at, CURRENCY, Fault(*UNSUPPORTED_CURRENCY, CURRENCY_CELL.read(given)))


def _check_capacities(values: Values, faults: Faults) -> None:
    given = [values.get(name) for name in CAPACITIES]
    count = next((len(column) for column in given if column is not None), 0)
    rows = zip(*([None] * count if column is None else column for column in given), strict=True)
    for at, row in enumerate(rows):
        if has_some_capacities(row):
            faults.add(at, CAPACITIES[row.index(None)], Fault(*INCOMPLETE_CAPACITIES, None))
