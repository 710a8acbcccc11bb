"""Checks rows by column, in chunks of one or more: the only way in which rows become values that
the archive stores.

A column goes through pydantic's compiled validator as a whole. Only if it refuses something, the
cells are checked one at a time to find the errors, and the rows with errors are left out.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import SchemaValidator, core_schema as cs

from glyphd.contracts.cells import Cell
from glyphd.contracts.column_names import HeaderMap
from glyphd.contracts.columns import (
    CAPACITIES,
    COLUMN,
    CURRENCY,
    CURRENCY_CELL,
    EXTRA,
    REQUIRED,
)
from glyphd.contracts.findings import NULL_MARKERS, Findings
from glyphd.contracts.memos import Memo
from glyphd.contracts.numeric_cells import NumericCell
from glyphd.contracts.row_errors import Fault
from glyphd.contracts.row_rules import (
    IN_THE_FUTURE,
    INCOMPLETE_CAPACITIES,
    LONGEST_MARKER,
    UNSUPPORTED_CURRENCY,
    has_some_capacities,
    is_dollars,
    is_words,
    markers_of,
)
from glyphd.contracts.unknown_columns import UnknownColumns


class Chunk(NamedTuple):
    """Some rows by column: the position of each in its file, named as in the archive, and its
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
    """The faults by column and by the row's position in its chunk; only the first one for each
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
        self.header = header
        self.findings = findings
        self._options = options
        self._columns = {
            name: _CheckedColumn(name, options.has_decimal_comma)
            for name in {*header.positions, *REQUIRED, "availability"} & COLUMN.keys()
        }
        self._words = Memo(
            lambda cell: self._quantities_in_words([cell])[0], self._quantities_in_words
        )
        self._unknown = UnknownColumns(header)

    def values(self, chunk: Chunk, refused: Collection[int] = ()) -> tuple[Values, Faults]:
        """The values of the valid rows, and the faults of the others.

        `refused` are the positions of rows that are already known to be invalid.
        """
        faults = Faults()
        values = self._check(chunk, faults, self.findings)
        if faults or refused:
            count = len(chunk.places["line"])
            sound = [at for at in range(count) if at not in faults and at not in refused]
            values = self._check(chunk.only(sound), Faults(), Findings()) if sound else {}
        return values, faults

    def _check(self, chunk: Chunk, faults: Faults, findings: Findings) -> Values:
        lines = chunk.places["line"]
        count = len(lines)
        given = {name: chunk.columns[at] for name, at in self.header.positions.items()}
        given |= {name: [""] * count for name in REQUIRED if name not in given}
        # 1. Rules about the price of a whole row.
        if CURRENCY in given:
            _check_currency(given.pop(CURRENCY), faults)
        # 2. Quantities in words move before either column is checked.
        objects = given.pop(EXTRA, ())
        words = self._move_words(given, count) if "quantity" in given else ()
        # 3. Column by column; one that is empty in all rows has nothing to check.
        values: Values = {
            name: self._columns[name].values(cells, faults)
            for name, cells in given.items()
            if COLUMN[name].cell.required or any(cells)
        }
        for name, found in values.items():
            if self._columns[name].has_markers and not COLUMN[name].cell.required:
                rows = zip(lines, given[name], found, strict=True)
                self._columns[name].count_markers(rows, findings)
        # 4. Rules that span columns.
        if any(name in values for name in CAPACITIES):
            _check_capacities([values.get(name, [None] * count) for name in CAPACITIES], faults)
        # 5. When the offers were seen: for a row that does not say, the time when its upload was
        # received.
        seen_at: list[Any] = [
            at or self._options.received_at for at in values.get("seen_at", [None] * count)
        ]
        latest = self._options.latest_seen_at
        if latest is not None and max(seen_at) > latest:
            for at, moment in enumerate(seen_at):
                if moment > latest:
                    cell = COLUMN["seen_at"].cell.read(given["seen_at"][at])
                    faults.add(at, "seen_at", Fault(*IN_THE_FUTURE, cell))
        values["seen_at"] = seen_at
        # 6. Unknown columns.
        if self._unknown.has_any or any(objects) or any(words):
            extra = self._unknown(
                chunk.columns, objects, words, lambda at, why: faults.add(at, EXTRA, Fault.of(why))
            )
            if extra is not None:
                values[EXTRA] = extra
        return values

    def _move_words(self, given: dict[str, Sequence[str]], count: int) -> Sequence[str | None]:
        """Moves quantities in words from their column to an empty availability; returns those whose
        availability was not empty."""
        quantity = given["quantity"]
        words = self._words.column(quantity)
        if not any(words):
            return ()
        stated = given.get("availability", [""] * count)
        is_free = [text is None for text in self._columns["availability"].texts(stated)]
        rows = list(zip(words, quantity, stated, is_free, strict=True))
        given["quantity"] = ["" if word else cell for word, cell, _, _ in rows]
        given["availability"] = [word if word and free else cell for word, _, cell, free in rows]
        return [None if free else word for word, _, _, free in rows]

    def _quantities_in_words(self, cells: Sequence[str]) -> list[str | None]:
        """The availability that each cell of the other column says; None for a number."""
        read = COLUMN["availability"].cell.read
        texts = self._columns["quantity"].texts(cells)
        return [None if text is None or not is_words(text) else read(text) for text in texts]


class _Texts(NamedTuple):
    """The checks of a column's texts: one at a time, and many at once."""

    cell: Cell
    markers: frozenset[str]
    check_one: Callable[[str | None], Any]
    check_all: Callable[[Sequence[str | None]], list[Any]]


@cache
def _texts_of(name: str, has_decimal_comma: bool) -> _Texts:
    """Compiled once in a process, because that takes longer than checking a small file."""
    cell = COLUMN[name].cell
    if has_decimal_comma and isinstance(cell, NumericCell):
        cell = replace(cell, comma=True)
    schema = cell.text_schema()
    one, many = SchemaValidator(schema), SchemaValidator(cs.list_schema(schema))
    return _Texts(cell, markers_of(cell, name), one.validate_python, many.validate_python)


class _CheckedColumn:
    """The check of one column. `has_markers` is true after the first null marker in it: most
    columns never have one."""

    def __init__(self, name: str, has_decimal_comma: bool) -> None:
        self.has_markers = False
        self._name = name
        self._texts = how = _texts_of(name, has_decimal_comma)
        self._memo = Memo(
            lambda cell: how.check_one(self.texts([cell])[0]),
            lambda cells: how.check_all(self.texts(cells)),
        )

    def texts(self, cells: Sequence[str]) -> Sequence[str | None]:
        """The texts to be checked: those of the cells, None for empty ones and null markers."""
        given, markers = self._texts.cell.read_all(cells), self._texts.markers
        if min(map(len, given)) > (LONGEST_MARKER if markers else 0):
            return given
        texts = [
            None if not text or (len(text) <= LONGEST_MARKER and text.lower() in markers) else text
            for text in given
        ]
        self.has_markers = self.has_markers or texts.count(None) > given.count("")
        return texts

    def values(self, cells: Sequence[str], faults: Faults) -> Sequence[Any]:
        """The stored values; an invalid cell keeps its text to show that it is not empty."""
        try:
            return self._memo.column(cells)
        except ValidationError:
            return self._explained(cells, faults)

    def count_markers(self, rows: Iterable[tuple[int, str, Any]], findings: Findings) -> None:
        """Takes lines with their cells and values: a null that does not come from an empty cell
        comes from a null marker."""
        read = self._texts.cell.read
        marked = [line for line, cell, value in rows if value is None and read(cell)]
        if marked:
            findings.add(NULL_MARKERS, len(marked), marked, self._name)

    def _explained(self, cells: Sequence[str], faults: Faults) -> Sequence[Any]:
        cell, check_all = self._texts.cell, self._texts.check_all
        texts = list(self.texts(cells))
        try:
            check_all(texts)
        except ValidationError as error:
            problems = error.errors(include_url=False, include_context=False, include_input=False)
        at_fault = {int(problem["loc"][0]): problem for problem in problems}
        for at, problem in at_fault.items():
            text = cell.read(cells[at])
            # A more specific message about the text takes precedence.
            code, message = cell.explain(text) or (problem["type"], problem["msg"])
            faults.add(at, self._name, Fault(code, message, text or None))
        if cell.required:
            return texts
        values = check_all([None if at in at_fault else text for at, text in enumerate(texts)])
        for at in at_fault:
            values[at] = texts[at]
        return values


def _check_currency(cells: Sequence[str], faults: Faults) -> None:
    foreign = {given for given in set(cells) if not is_dollars(CURRENCY_CELL.read(given))}
    if foreign:
        for at, given in enumerate(cells):
            if given in foreign:
                faults.add(at, CURRENCY, Fault(*UNSUPPORTED_CURRENCY, CURRENCY_CELL.read(given)))


def _check_capacities(given: Sequence[Sequence[Any]], faults: Faults) -> None:
    for at, row in enumerate(zip(*given, strict=True)):
        if has_some_capacities(row):
            faults.add(at, CAPACITIES[row.index(None)], Fault(*INCOMPLETE_CAPACITIES, None))
