"""Converts a row given as an object, from JSON or Python, to text cells, which are then checked
like a row of a CSV."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import PydanticCustomError

from glyphd.contracts.column_names import HeaderMap, map_headers
from glyphd.contracts.columns import COLUMN, CURRENCY, CURRENCY_CELL, EXTRA, INPUT_COLUMNS, POSITION
from glyphd.contracts.extras import as_extra, write_extra
from glyphd.contracts.row_errors import Fault
from glyphd.contracts.unknown_columns import unknown_names

OBJECT_HEADER = HeaderMap(INPUT_COLUMNS, POSITION)
"""The columns of rows that were given as objects, regardless of the names in each."""


@dataclass(frozen=True)
class ObjectCells:
    """`header` has the object's names for its columns, `cells` are in the order of INPUT_COLUMNS,
    and `faults` has the values of a wrong type, by column."""

    header: HeaderMap
    cells: list[str]
    faults: dict[str, Fault]


def object_cells(given: Mapping[str, Any], known: Sequence[str] = INPUT_COLUMNS) -> ObjectCells:
    """The cells of an object; none if two of its names mean the same column, which
    `header.conflicts` reports."""
    found = ObjectCells(map_headers(list(given), known), [""] * len(INPUT_COLUMNS), {})
    if found.header.conflicts:
        return found
    values = list(given.values())
    row = {name: values[at] for name, at in found.header.positions.items()}
    unknown = {name: values[at] for at, name in unknown_names(found.header).items()}
    row[EXTRA] = as_extra(unknown, row.get(EXTRA))
    for name, value in row.items():
        try:
            found.cells[POSITION[name]] = _text(name, value)
        except PydanticCustomError as error:
            found.faults[name] = Fault.of(error, _shown(value))
    return found


def _shown(value: Any) -> str:
    """The value as JSON, but a string as it is, and what is not JSON as Python writes it."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return str(value)


def _text(name: str, value: Any) -> str:
    if name == EXTRA:
        return write_extra(value) or ""
    cell = CURRENCY_CELL if name == CURRENCY else COLUMN[name].cell
    return cell.as_text(value) or ""
