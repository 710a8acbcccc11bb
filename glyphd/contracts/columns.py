"""The row contract: the table of columns that all else follows from.

What a file may name, how its cells are checked, what the archive stores, what comes back and what
the page calls it: docs/ADD_A_COLUMN.md adds a column to all of them.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from glyphd.contracts.cells import BooleanCell, Cell, JsonCell, TextCell, TimeCell
from glyphd.contracts.extras import ExtraCell
from glyphd.contracts.numeric_cells import IntegerCell, NumberCell
from glyphd.contracts.row_rules import markers_of

FIRST_VERSION = 2
"""The oldest version of the row contract that a kept file is read by; version 1 was never
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
"""What the service adds to a row that it returns. Sent back to it, these columns are ignored."""


@dataclass(frozen=True)
class About:
    """What is known of a column beside its cells.

    `label` is its heading on the page, if not its name in plain words. `since` is the version of
    the row contract that brought it: to a file that came before, it is a column that nobody knows.
    """

    label: str = ""
    since: int = FIRST_VERSION


Text = Annotated[str | None, TextCell()]
Count = Annotated[int | None, IntegerCell()]
Ratio = Annotated[float | None, NumberCell(above=0)]


class ListingColumns(BaseModel):
    """One scored offer, by column: the table."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: Annotated[str, TextCell(required=True)] = Field(description="GPU model")
    price_usd: Annotated[float, NumberCell(required=True, minimum=0), About("Price")] = Field(
        description="Price in US dollars"
    )
    condition: Text = Field(default=None, description="Condition in the seller's words")
    quantity: Count = Field(default=None, description="Pieces on offer; words go to availability")
    availability: Text = Field(default=None, description="Availability in words")
    min_order_qty: Annotated[Count, About("Minimum order")] = Field(
        default=None, description="Minimum pieces per order"
    )
    seller: Text = Field(default=None, description="Who sells")
    region: Text = Field(default=None, description="Where it is sold")
    vram_gb: Annotated[Count, About("VRAM, GB")] = Field(
        default=None, description="Video memory in GB"
    )
    mig_capable: Annotated[
        int | None, IntegerCell(maximum=7, flags=True), About("MIG instances")
    ] = Field(default=None, description="MIG instances, 0 to 7; true is 1, false is 0")
    tdp_watts: Annotated[Count, About("TDP, W")] = Field(
        default=None, description="Thermal design power in watts"
    )
    cuda_cores: Annotated[Count, About("CUDA cores")] = Field(
        default=None, description="CUDA cores"
    )
    slot_width: Annotated[Ratio, About("Slots")] = Field(default=None, description="Slots taken")
    pcie_generation: Annotated[Ratio, About("PCIe")] = Field(
        default=None, description="PCI Express generation"
    )
    nvlink: Annotated[bool | None, BooleanCell(), About("NVLink")] = Field(
        default=None, description="Has NVLink"
    )
    generation: Text = Field(default=None, description="Architecture")
    form_factor: Text = Field(default=None, description="Form factor")
    quantization_capacity_7b: Annotated[Count, About("7B models that fit")] = Field(
        default=None, description="7B models that fit; all three capacities or none"
    )
    quantization_capacity_13b: Annotated[Count, About("13B models that fit")] = Field(
        default=None, description="13B models that fit; all three capacities or none"
    )
    quantization_capacity_70b: Annotated[Count, About("70B models that fit")] = Field(
        default=None, description="70B models that fit; all three capacities or none"
    )
    score: Annotated[float, NumberCell(required=True)] = Field(
        description="The pipeline's score, on any scale"
    )
    heuristics: Annotated[Any, JsonCell()] = Field(
        default=None, description="What the score was made of"
    )
    seen_at: Annotated[datetime | None, TimeCell(), About("Seen")] = Field(
        default=None,
        description="When the offer was observed; missing: when the upload was received",
    )
    source_url: Annotated[
        str | None, TextCell(max_length=2000, as_given=True), About("Source URL")
    ] = Field(default=None, description="Where it was seen, as given")
    source_type: Text = Field(default=None, description="Kind of source")
    title: Annotated[str | None, TextCell(max_length=1000)] = Field(
        default=None, description="The offer's own title"
    )
    extra: Annotated[dict[str, Any] | None, ExtraCell(), About("Other columns")] = Field(
        default=None, description="Unknown columns, by their own names"
    )


@dataclass(frozen=True)
class Column:
    """One canonical column: its name, its kind of cell, what it says, and what else is known of
    it."""

    name: str
    cell: Cell
    description: str
    about: About

    @property
    def label(self) -> str:
        return self.about.label or self.name.replace("_", " ").capitalize()

    @property
    def required(self) -> bool:
        return self.cell.required

    @property
    def null_markers(self) -> frozenset[str]:
        return markers_of(self.cell, self.name)


def _column(name: str, field: FieldInfo) -> Column:
    cell = next(item for item in field.metadata if isinstance(item, Cell))
    about = next((item for item in field.metadata if isinstance(item, About)), About())
    return Column(name, cell, field.description or "", about)


COLUMN = {name: _column(name, field) for name, field in ListingColumns.model_fields.items()}
COLUMNS = tuple(column for name, column in COLUMN.items() if name != EXTRA)
COLUMN_NAMES = tuple(column.name for column in COLUMNS)
STORED_COLUMNS = (*COLUMN_NAMES, EXTRA)
"""What the archive keeps of a row, in this order."""

INPUT_COLUMNS = (*COLUMN_NAMES, CURRENCY, EXTRA)
"""What a file may name."""

POSITION = {name: at for at, name in enumerate(INPUT_COLUMNS)}
REQUIRED = tuple(column.name for column in COLUMNS if column.required)
ROW_SCHEMA_VERSION = max(column.about.since for column in COLUMNS)
"""The version of this row contract, kept on every event."""


@cache
def columns_of(version: int, names: tuple[str, ...] = INPUT_COLUMNS) -> tuple[str, ...]:
    """Those of the columns that a version of the row contract has."""
    return tuple(
        name for name in names if name not in COLUMN or COLUMN[name].about.since <= version
    )
