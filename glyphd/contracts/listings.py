"""The row contract: one scored listing. This class is where columns, their order, types and aliases stand."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from glyphd.contracts.cells import BooleanCell, Cell, JsonCell, TextCell, TimeCell
from glyphd.contracts.extras import ExtraCell, as_extra
from glyphd.contracts.headers import map_headers
from glyphd.contracts.numeric_cells import IntegerCell, NumberCell
from glyphd.contracts.row_rules import (
    INCOMPLETE_CAPACITIES,
    UNSUPPORTED_CURRENCY,
    has_some_capacities,
    is_dollars,
    is_words,
    markers_of,
    without_nulls,
)

ROW_SCHEMA_VERSION = 2
"""The version of this row contract, kept on every event."""

CAPACITIES = ("quantization_capacity_7b", "quantization_capacity_13b", "quantization_capacity_70b")
CURRENCY = "currency"
EXTRA = "extra"

OWN_COLUMNS = (
    "listing_id",
    "import_id",
    "import_index",
    "line",
    "first_seen_at",
    "imported_at",
    "rolled_back_at",
    "schema_version",
    "source",
    "gone_at",
)
"""What the service adds to a row that it returns. Sent back to it, these columns are ignored."""

Text = Annotated[str | None, TextCell()]
Count = Annotated[int | None, IntegerCell()]
Ratio = Annotated[float | None, NumberCell(above=0)]


class GPUListingDTO(BaseModel):
    """One scored offer as a file or a caller gives it, by column name or alias; empty text is null."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: Annotated[str, TextCell(required=True)] = Field(description="GPU model")
    price_usd: Annotated[float, NumberCell(required=True, minimum=0)] = Field(description="Price in US dollars")
    condition: Text = Field(default=None, description="Condition in the seller's words")
    quantity: Count = Field(default=None, description="Pieces on offer; words go to availability")
    availability: Text = Field(default=None, description="Availability in words")
    min_order_qty: Count = Field(default=None, description="Minimum pieces per order")
    seller: Text = Field(default=None, description="Who sells")
    region: Text = Field(default=None, description="Where it is sold")
    vram_gb: Count = Field(default=None, description="Video memory in GB")
    mig_capable: Annotated[int | None, IntegerCell(maximum=7, flags=True)] = Field(
        default=None, description="MIG instances, 0 to 7; true is 1, false is 0"
    )
    tdp_watts: Count = Field(default=None, description="Thermal design power in watts")
    cuda_cores: Count = Field(default=None, description="CUDA cores")
    slot_width: Ratio = Field(default=None, description="Slots taken")
    pcie_generation: Ratio = Field(default=None, description="PCI Express generation")
    nvlink: Annotated[bool | None, BooleanCell()] = Field(default=None, description="Has NVLink")
    generation: Text = Field(default=None, description="Architecture")
    form_factor: Text = Field(default=None, description="Form factor")
    quantization_capacity_7b: Count = Field(
        default=None, description="7B models that fit; all three capacities or none"
    )
    quantization_capacity_13b: Count = Field(
        default=None, description="13B models that fit; all three capacities or none"
    )
    quantization_capacity_70b: Count = Field(
        default=None, description="70B models that fit; all three capacities or none"
    )
    score: Annotated[float, NumberCell(required=True)] = Field(description="The pipeline's score, on any scale")
    heuristics: Annotated[Any, JsonCell()] = Field(default=None, description="What the score was made of")
    seen_at: Annotated[datetime | None, TimeCell()] = Field(
        default=None, description="When the offer was observed; missing: when the upload was received"
    )
    source_url: Annotated[str | None, TextCell(max_length=2000, as_given=True)] = Field(
        default=None, description="Where it was seen, as given"
    )
    source_type: Text = Field(default=None, description="Kind of source")
    title: Annotated[str | None, TextCell(max_length=1000)] = Field(default=None, description="The offer's own title")
    extra: Annotated[dict[str, Any] | None, ExtraCell()] = Field(
        default=None, description="Unknown columns, by their own names"
    )

    @model_validator(mode="before")
    @classmethod
    def _by_canonical_name(cls, data: Any) -> Any:
        return canonical_fields(data) if isinstance(data, Mapping) else data

    @model_validator(mode="after")
    def _all_capacities_or_none(self) -> Self:
        if has_some_capacities([getattr(self, name) for name in CAPACITIES]):
            raise PydanticCustomError(*INCOMPLETE_CAPACITIES)
        return self


@dataclass(frozen=True)
class Column:
    """One canonical column: its name, its kind of cell and what it says."""

    name: str
    cell: Cell
    description: str

    @property
    def required(self) -> bool:
        return self.cell.required

    @property
    def null_markers(self) -> frozenset[str]:
        return markers_of(self.cell, self.name)


def _column(name: str, field: FieldInfo) -> Column:
    cell = next(item for item in field.metadata if isinstance(item, Cell))
    return Column(name, cell, field.description or "")


COLUMN = {name: _column(name, field) for name, field in GPUListingDTO.model_fields.items()}
COLUMNS = tuple(column for name, column in COLUMN.items() if name != EXTRA)
COLUMN_NAMES = tuple(column.name for column in COLUMNS)
STORED_COLUMNS = (*COLUMN_NAMES, EXTRA)
"""What the archive keeps of a row, in this order."""

INPUT_COLUMNS = (*COLUMN_NAMES, CURRENCY, EXTRA)
"""What a file may name."""

POSITION = {name: at for at, name in enumerate(INPUT_COLUMNS)}
REQUIRED = tuple(column.name for column in COLUMNS if column.required)


def canonical_fields(data: Mapping[str, Any]) -> dict[str, Any]:
    """A row by canonical names: aliases resolved, null markers null, words for a quantity moved, the rest in extra.

    Raises PydanticCustomError when two names mean the same column, and for prices that are not in dollars.
    """
    mapped = map_headers(list(data), INPUT_COLUMNS)
    if mapped.conflicts:
        raise PydanticCustomError("duplicate_column", "has a column twice: {names}", {"names": mapped.conflicts[0]})
    values = list(data.values())
    row = {name: _null_or_given(name, values[at]) for name, at in mapped.positions.items()}
    currency = row.pop(CURRENCY, None)
    if not is_dollars(str(currency or "").strip()):
        raise PydanticCustomError(*UNSUPPORTED_CURRENCY)
    own = {name: data[name] for name in OWN_COLUMNS if name in data}
    extra = as_extra({mapped.names[at]: values[at] for at in mapped.unknown}, OWN_COLUMNS, row.get(EXTRA))
    quantity = row.get("quantity")
    if isinstance(quantity, str) and is_words(COLUMN["quantity"].cell.read(quantity)):
        del row["quantity"]
        words = COLUMN["availability"].cell.read(quantity)
        if row.get("availability") is None:
            row["availability"] = words
        else:
            extra["quantity"] = words
    return {**own, **row, EXTRA: extra or None}


def row_cells(listing: GPUListingDTO) -> list[str]:
    """The listing as the cells of one row, in the order of INPUT_COLUMNS."""
    return [_cell(name, getattr(listing, name, None)) for name in INPUT_COLUMNS]


def _cell(name: str, value: Any) -> str:
    return COLUMN[name].cell.as_text(value) or "" if name in COLUMN else ""


def _null_or_given(name: str, value: Any) -> Any:
    column = COLUMN.get(name)
    if column is None or not isinstance(value, str) or isinstance(column.cell, JsonCell | ExtraCell):
        return value
    text = column.cell.read(value)
    return value if without_nulls([text], column.null_markers) == [text] else None
