"""Rows against the row contract: what the archive may take, or all that is wrong with it."""

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from glyphd.contracts.listings import (
    CAPACITIES,
    COLUMN_NAMES,
    INCOMPLETE_CAPACITIES,
    POSITION,
    has_some_capacities,
    is_stock_word,
    row_validator,
)
from glyphd.contracts.row_errors import RowError
from glyphd.importing.rows import Row, cell_error
from glyphd.storage.staging import StagedRow

_QUANTITY, _AVAILABILITY, _SEEN_AT = (POSITION[name] for name in ("quantity", "availability", "seen_at"))
_FIRST_CAPACITY, _AFTER_CAPACITIES = POSITION[CAPACITIES[0]], POSITION[CAPACITIES[-1]] + 1

CheckRow = Callable[[Row], StagedRow | list[RowError]]


def row_check(received_at: str) -> CheckRow:
    """A function that gives a row as the stage takes it, or the list of all its errors.

    `received_at` is the `seen_at` of rows that say nothing about it.
    """
    validate = row_validator().validate_python

    def check(row: Row) -> StagedRow | list[RowError]:
        texts = row.texts
        if texts is None:
            return list(row.errors)
        _move_stock_word(texts)
        try:
            values = validate(texts)
        except ValidationError as error:
            return _errors(row, texts, error)
        if row.errors or _lacks_capacities(texts):
            return _errors(row, texts, None)
        if values[_SEEN_AT] is None:
            values = (*values[:_SEEN_AT], received_at, *values[_SEEN_AT + 1 :])
        return row.place + values  # type: ignore[no-any-return]

    return check


def _move_stock_word(texts: list[str | None]) -> None:
    quantity = texts[_QUANTITY]
    if quantity is not None and not quantity.isdigit() and is_stock_word(quantity):
        texts[_QUANTITY] = None
        texts[_AVAILABILITY] = texts[_AVAILABILITY] or quantity


def _lacks_capacities(texts: list[str | None]) -> bool:
    return has_some_capacities(texts[_FIRST_CAPACITY:_AFTER_CAPACITIES])


def _errors(row: Row, texts: list[str | None], failed: ValidationError | None) -> list[RowError]:
    """All errors of a row, in column order; a cell that could not even be read is not reported twice."""
    found = {error.field: error for error in row.errors}
    for problem in failed.errors(include_url=False, include_context=False) if failed else ():
        field = COLUMN_NAMES[_index(problem)]
        value = texts[_index(problem)]
        found.setdefault(field, cell_error(row, field, problem["type"], problem["msg"], value))
    if _lacks_capacities(texts):
        empty = next(name for name in CAPACITIES if texts[POSITION[name]] is None)
        found.setdefault(empty, cell_error(row, empty, *INCOMPLETE_CAPACITIES, None))
    return sorted(found.values(), key=lambda error: POSITION.get(error.field or "", -1))


def _index(problem: Any) -> int:
    return int(problem["loc"][0])
