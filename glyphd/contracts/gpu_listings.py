"""The listing for callers from Python, checked like a row of a file."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from glyphd.contracts.column_checks import CheckOptions, Chunk, ColumnCheck
from glyphd.contracts.columns import COLUMN, INPUT_COLUMNS, OWN_COLUMNS, POSITION, ListingColumns
from glyphd.contracts.findings import Findings
from glyphd.contracts.object_cells import OBJECT_HEADER, object_cells


class GPUListingDTO(ListingColumns):
    """One scored offer from a caller, by column name or alias; empty text is null."""

    @model_validator(mode="before")
    @classmethod
    def _by_the_row_contract(cls, data: Any) -> Any:
        return _checked(cls.__name__, data) if isinstance(data, Mapping) else data


def row_cells(listing: GPUListingDTO) -> list[str]:
    """The listing as the cells of one row, in the order of INPUT_COLUMNS."""
    return [_cell(name, getattr(listing, name, None)) for name in INPUT_COLUMNS]


def _cell(name: str, value: Any) -> str:
    return COLUMN[name].cell.as_text(value) or "" if name in COLUMN else ""


def _checked(title: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a row by canonical name. Raises ValidationError for values that the row
    contract does not allow."""
    given = object_cells(data)
    if given.header.conflicts:
        raise PydanticCustomError(
            "duplicate_column", "has a column twice: {names}", {"names": given.header.conflicts[0]}
        )
    chunk = Chunk({"line": (1,)}, [(cell,) for cell in given.cells])
    values, faults = _check().values(chunk, refused=(0,) if given.faults else ())
    found = faults.get(0, {}) | given.faults
    if found:
        in_order = sorted(found.items(), key=lambda item: POSITION[item[0]])
        details = [
            InitErrorDetails(
                type=PydanticCustomError(fault.code, fault.message),
                loc=(column,),
                input=fault.value,
            )
            for column, fault in in_order
        ]
        raise ValidationError.from_exception_data(title, details)
    own = {name: data[name] for name in OWN_COLUMNS if name in data}
    return own | {name: COLUMN[name].cell.native(column[0]) for name, column in values.items()}


@cache
def _check() -> ColumnCheck:
    """A missing `seen_at` is not filled in, because only the store knows when it received the
    row."""
    return ColumnCheck(OBJECT_HEADER, CheckOptions(received_at=None), Findings())
