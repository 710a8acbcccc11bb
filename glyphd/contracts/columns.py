"""The row contract: the table of columns.

The accepted headers, the checks of cells, the stored and returned columns and their headings on the
page are derived from it. docs/ADD_A_COLUMN.md shows how to add a column.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Annotated, Any

from pydantic import ConfigDict, Field
from pydantic.fields import FieldInfo

from glyphd.contracts.cells import BooleanCell, Cell, JsonCell, TextCell, TimeCell
from glyphd.contracts.contract_base import Contract
from glyphd.contracts.extras import ExtraCell
from glyphd.contracts.numeric_cells import IntegerCell, NumberCell

FIRST_VERSION = 2
"""The oldest version of the row contract by which kept files are read; version 1 was never
released."""

CAPACITIES = ("quantization_capacity_7b", "quantization_capacity_13b", "quantization_capacity_70b")
CURRENCY = "currency"
CURRENCY_CELL = TextCell()
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
"""The columns that the service adds to a returned row. They are ignored if they are uploaded
again."""


@dataclass(frozen=True)
class ColumnDetails:
    """The properties of a column besides its kind of cell.

    `label` is its heading on the page, if that is not derived from its name. `since` is the version
    of the row contract that introduced it: in an older file it is an unknown column.
    """

    label: str = ""
    since: int = FIRST_VERSION


Text = Annotated[str | None, TextCell()]
Count = Annotated[int | None, IntegerCell()]
Ratio = Annotated[float | None, NumberCell(above=0)]


class ListingColumns(Contract):
    """The table: one scored offer, by column."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: Annotated[str, TextCell(required=True)] = Field(description="GPU model")
    price_usd: Annotated[float, NumberCell(required=True, minimum=0), ColumnDetails("Price")] = (
        Field(description="Price in US dollars")
    )
    condition: Text = Field(default=None, description="Condition in the seller's words")
    quantity: Count = Field(default=None, description="Pieces on offer; words go to availability")
    availability: Text = Field(default=None, description="Availability in words")
    min_order_qty: Annotated[Count, ColumnDetails("Minimum order")] = Field(
        default=None, description="Minimum pieces per order"
    )
    seller: Text = Field(default=None, description="The seller")
    region: Text = Field(default=None, description="Where it is sold")
    vram_gb: Annotated[Count, ColumnDetails("VRAM, GB")] = Field(
        default=None, description="Video memory in GB"
    )
    mig_capable: Annotated[
        int | None, IntegerCell(maximum=7, flags=True), ColumnDetails("MIG instances")
    ] = Field(default=None, description="MIG instances, 0 to 7; true is 1, false is 0")
    tdp_watts: Annotated[Count, ColumnDetails("TDP, W")] = Field(
        default=None, description="Thermal design power in watts"
    )
    cuda_cores: Annotated[Count, ColumnDetails("CUDA cores")] = Field(
        default=None, description="CUDA cores"
    )
    slot_width: Annotated[Ratio, ColumnDetails("Slots")] = Field(
        default=None, description="Slots occupied"
    )
    pcie_generation: Annotated[Ratio, ColumnDetails("PCIe")] = Field(
        default=None, description="PCI Express generation"
    )
    nvlink: Annotated[bool | None, BooleanCell(), ColumnDetails("NVLink")] = Field(
        default=None, description="Has NVLink"
    )
    generation: Text = Field(default=None, description="Architecture")
    form_factor: Text = Field(default=None, description="Form factor")
    quantization_capacity_7b: Annotated[Count, ColumnDetails("7B models that fit")] = Field(
        default=None, description="7B models that fit; all three capacities or none"
    )
    quantization_capacity_13b: Annotated[Count, ColumnDetails("13B models that fit")] = Field(
        default=None, description="13B models that fit; all three capacities or none"
    )
    quantization_capacity_70b: Annotated[Count, ColumnDetails("70B models that fit")] = Field(
        default=None, description="70B models that fit; all three capacities or none"
    )
    score: Annotated[float, NumberCell(required=True)] = Field(
        description="The pipeline's score, on any scale"
    )
    heuristics: Annotated[Any, JsonCell()] = Field(
        default=None, description="The components of the score"
    )
    seen_at: Annotated[datetime | None, TimeCell(), ColumnDetails("Seen")] = Field(
        default=None,
        description="When the offer was observed; default: when the upload was received",
    )
    source_url: Annotated[
        str | None, TextCell(max_length=2000, cleaned=False), ColumnDetails("Source URL")
    ] = Field(default=None, description="Where it was seen, as given")
    source_type: Text = Field(default=None, description="Kind of source")
    title: Annotated[str | None, TextCell(max_length=1000)] = Field(
        default=None, description="The offer's own title"
    )
    extra: Annotated[dict[str, Any] | None, ExtraCell(), ColumnDetails("Other columns")] = Field(
        default=None, description="Unknown columns, by their own names"
    )


@dataclass(frozen=True)
class Column:
    """One canonical column: its name, its kind of cell, its description, its heading on the page,
    and the version of the row contract that introduced it."""

    name: str
    cell: Cell
    description: str
    label: str
    since: int


def _column(name: str, field: FieldInfo) -> Column:
    cell = next(item for item in field.metadata if isinstance(item, Cell))
    about = next(
        (item for item in field.metadata if isinstance(item, ColumnDetails)), ColumnDetails()
    )
    label = about.label or name.replace("_", " ").capitalize()
    return Column(name, cell, field.description or "", label, about.since)


COLUMN = {name: _column(name, field) for name, field in ListingColumns.model_fields.items()}
COLUMNS = tuple(column for name, column in COLUMN.items() if name != EXTRA)
COLUMN_NAMES = tuple(column.name for column in COLUMNS)
STORED_COLUMNS = (*COLUMN_NAMES, EXTRA)
"""The columns of a row that the archive stores, in this order."""

INPUT_COLUMNS = (*COLUMN_NAMES, CURRENCY, EXTRA)
"""The columns that a file can have."""

POSITION = {name: at for at, name in enumerate(INPUT_COLUMNS)}
REQUIRED = tuple(column.name for column in COLUMNS if column.cell.required)
ROW_SCHEMA_VERSION = max(column.since for column in COLUMNS)
"""The version of this row contract, kept on every event."""


@cache
def columns_of(version: int, names: tuple[str, ...] = INPUT_COLUMNS) -> tuple[str, ...]:
    """Those of the columns that a version of the row contract has."""
    return tuple(name for name in names if name not in COLUMN or COLUMN[name].since <= version)
