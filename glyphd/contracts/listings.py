"""The row contract: one scored listing. This class is where columns, their order, types and aliases stand."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError, SchemaValidator, core_schema as cs

from glyphd.contracts.cells import BooleanCell, Cell, IntegerCell, JsonCell, NumberCell, TextCell, TimeCell, as_cell
from glyphd.contracts.headers import map_headers

ROW_SCHEMA_VERSION = 2
"""The version of this row contract, kept on every event."""

CAPACITIES = ("quantization_capacity_7b", "quantization_capacity_13b", "quantization_capacity_70b")
_NOT_FINITE = frozenset({"nan", "inf", "infinity"})

Text = Annotated[str | None, TextCell()]
Count = Annotated[int | None, IntegerCell()]
Ratio = Annotated[float | None, NumberCell(above=0)]


class GPUListingDTO(BaseModel):
    """One scored offer as a file or a caller gives it, by column name or alias; empty text is null."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: Annotated[str, TextCell(required=True)] = Field(description="GPU model")
    price_usd: Annotated[float, NumberCell(required=True, minimum=0)] = Field(description="Price in US dollars")
    condition: Text = Field(default=None, description="Condition as the seller puts it")
    quantity: Count = Field(default=None, description="Pieces on offer; a stock word here goes to availability")
    availability: Text = Field(default=None, description="Availability in words")
    min_order_qty: Annotated[int | None, IntegerCell(minimum=1)] = Field(
        default=None, description="Least pieces per order"
    )
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
    source_url: Annotated[str | None, TextCell(max_length=2000)] = Field(
        default=None, description="Where it was seen, as given"
    )
    source_type: Text = Field(default=None, description="Kind of source")
    title: Annotated[str | None, TextCell(max_length=1000)] = Field(default=None, description="The offer's own title")

    @model_validator(mode="before")
    @classmethod
    def _by_canonical_name(cls, data: Any) -> Any:
        return canonical_fields(data) if isinstance(data, Mapping) else data

    @model_validator(mode="after")
    def _all_capacities_or_none(self) -> Self:
        if has_some_capacities([getattr(self, name) for name in CAPACITIES]):
            raise PydanticCustomError(*INCOMPLETE_CAPACITIES)
        return self


INCOMPLETE_CAPACITIES = ("incomplete_capacities", "needs all three quantization capacities, or none")


@dataclass(frozen=True)
class Column:
    """One canonical column: its name, its kind of cell and what it says."""

    name: str
    cell: Cell
    description: str

    @property
    def required(self) -> bool:
        return self.cell.required


def _column(name: str, field: FieldInfo) -> Column:
    cell = next(item for item in field.metadata if isinstance(item, Cell))
    return Column(name, cell, field.description or "")


COLUMNS = tuple(_column(name, field) for name, field in GPUListingDTO.model_fields.items())
COLUMN_NAMES = tuple(column.name for column in COLUMNS)
EXTRA = "extra"
"""The columns of a file that nobody knows, as one JSON object."""

STORED_COLUMNS = (*COLUMN_NAMES, EXTRA)
"""What the archive keeps of a row."""

POSITION = {name: at for at, name in enumerate(COLUMN_NAMES)}
REQUIRED = tuple(column.name for column in COLUMNS if column.required)


@cache
def row_validator() -> SchemaValidator:
    """Compiled: 26 trimmed texts (None: empty), in column order, to the 26 values the archive stores."""
    return SchemaValidator(cs.tuple_positional_schema([column.cell.text_schema() for column in COLUMNS]))


def is_stock_word(text: str) -> bool:
    """True for a quantity in words (`Available`): no digit in it, and not a number that isn't finite."""
    return not any(map(str.isdigit, text)) and text.lower().lstrip("+-") not in _NOT_FINITE


def has_some_capacities(capacities: list[Any]) -> bool:
    """True when some of the three capacities are given and some are not."""
    return 0 < capacities.count(None) < len(capacities)


def canonical_fields(data: Mapping[str, Any]) -> dict[str, Any]:
    """A row by canonical names: aliases resolved, a stock word moved to availability, other names left as they are.

    Raises PydanticCustomError when two names mean the same column.
    """
    mapped = map_headers(list(data), COLUMN_NAMES)
    if mapped.conflicts:
        raise PydanticCustomError("duplicate_column", "gives a column twice: {names}", {"names": mapped.conflicts[0]})
    values = list(data.values())
    taken = {at: name for name, at in mapped.positions.items()}
    row = {
        taken.get(at, name): values[at] for at, name in enumerate(mapped.names) if at in taken or name not in POSITION
    }
    quantity = row.get("quantity")
    if isinstance(quantity, str) and quantity.strip() and is_stock_word(quantity.strip()):
        row["quantity"] = None
        row["availability"] = as_cell(row.get("availability")) or quantity
    return row


def row_cells(listing: GPUListingDTO) -> list[str | None]:
    """The listing as the texts of one row, in column order."""
    return [column.cell.as_text(getattr(listing, column.name)) for column in COLUMNS]
