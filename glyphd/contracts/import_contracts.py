"""The contracts of an import: what may be asked of it, what is said about it, and what the store
gives back."""

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from glyphd.contracts.cells import BooleanCell
from glyphd.contracts.column_names import canonical_name, fold, nearest
from glyphd.contracts.columns import INPUT_COLUMNS
from glyphd.contracts.gpu_listings import GPUListingDTO
from glyphd.contracts.numeric_cells import IntegerCell


class ImportStatus(StrEnum):
    """Where an import stands; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self not in UNFINISHED


UNFINISHED = (ImportStatus.QUEUED, ImportStatus.RUNNING)

Delimiter = Literal[",", ";", "tab", "|"]
Label = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=200, pattern=r"^[^\x00]*$")
]
Description = Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\x00]*$")]
ImportId = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00]+$")]


MAX_SKIP_LINES = 100
_COLUMN_CHOICE = re.compile(r"([^:]*):(.*\S.*)", re.DOTALL)


def _column_choice(text: str) -> str:
    """`price_usd:Retail Price`, with the canonical name of the column; without one the column is
    left out."""
    found = _COLUMN_CHOICE.fullmatch(text)
    if found is None:
        raise ValueError("must be <column>:<name in the file>, such as price_usd:Retail Price")
    target, name = found[1].strip(), found[2].strip()
    column = canonical_name(target, INPUT_COLUMNS) if target else ""
    if column is None:
        near = nearest(target, INPUT_COLUMNS)
        raise ValueError(
            f"there is no column {target[:100]!r}" + (f"; did you mean {near}?" if near else "")
        )
    return f"{column}:{name}"


def _delimiter_name(value: Any) -> Any:
    return "tab" if value == "\t" else value


def _each_once(pairs: list[str]) -> list[str]:
    """Neither may two of the file's columns be one of ours, nor one of them two."""
    targets = [pair.split(":", 1)[0] for pair in pairs if not pair.startswith(":")]
    names = [fold(pair.split(":", 1)[1]) for pair in pairs]
    if len(set(targets)) < len(targets) or len(set(names)) < len(names):
        raise ValueError("must name each column once")
    return pairs


ColumnChoices = Annotated[
    list[
        Annotated[
            str,
            StringConstraints(max_length=1000, pattern=r"^[^\x00]*$"),
            AfterValidator(_column_choice),
        ]
    ],
    AfterValidator(_each_once),
    Field(default_factory=list),
]


class ImportOptions(BaseModel):
    """What a client may ask of an import, as query parameters or form fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Label | None = Field(
        None, description="Where the file comes from; stored with the import"
    )
    description: Description | None = Field(None, description="Free text; stored with the import")
    delimiter: Annotated[Delimiter | None, BeforeValidator(_delimiter_name)] = Field(
        None, description="Cell delimiter; default: detected from the header"
    )
    encoding: str | None = Field(
        None, description="Character encoding; default UTF-8, with or without BOM"
    )
    map: ColumnChoices = Field(
        description="<column>:<name in the file>, repeatable: which column of the file is which, "
        "or (:<name>) left out"
    )
    skip_lines: Annotated[int | None, IntegerCell(maximum=MAX_SKIP_LINES)] = Field(
        None, description="Lines before the header, at most 100"
    )
    decimal: Literal["point", "comma"] | None = Field(
        None,
        description="How numbers are written: 1299.50 (point, the default) or 1.299,50 (comma)",
    )
    on_error: Literal["abort", "skip"] = Field(
        "abort", description="What one bad row does: fail all, or be left out"
    )
    dry_run: Annotated[bool, BooleanCell(required=True)] = Field(
        False, description="Validate everything, write nothing"
    )


class ScoredListingDTO(GPUListingDTO):
    """A listing as the archive holds it: one scoring event."""

    listing_id: str
    import_id: str
    import_index: int
    line: int | None
    first_seen_at: datetime
    imported_at: datetime
    rolled_back_at: datetime | None
    schema_version: int
    source: str | None
    gone_at: datetime | None


class GPUModelDTO(BaseModel):
    """A GPU model with its latest known specs, and the event that they come from."""

    model_config = ConfigDict(frozen=True)

    canonical_model: str
    vram_gb: int | None = None
    mig_capable: int | None = None
    tdp_watts: int | None = None
    cuda_cores: int | None = None
    slot_width: float | None = None
    pcie_generation: float | None = None
    nvlink: bool | None = None
    generation: str | None = None
    form_factor: str | None = None
    seen_at: datetime
    import_id: str
    import_index: int


class QuantizedListingDTO(BaseModel):
    """The quantization capacities of one event."""

    model_config = ConfigDict(frozen=True)

    import_id: str
    import_index: int
    model_7b: int
    model_13b: int
    model_70b: int


class ImportMetadata(BaseModel):
    """What the archive records of a committed import."""

    model_config = ConfigDict(frozen=True)

    import_id: str
    imported_at: datetime
    source: str | None
    description: str | None
    filename: str | None
    sha256: str | None
    record_count: int
    first_model: str | None
    last_model: str | None
    schema_version: int
    rolled_back_at: datetime | None


class ImportResultDTO(BaseModel):
    """What came of writing one import."""

    model_config = ConfigDict(frozen=True)

    import_id: str
    record_count: int
    first_model: str | None
    last_model: str | None
    timestamp: datetime


class ErrorGroup(BaseModel):
    """All row errors with one field and code."""

    field: str | None
    code: str
    count: int
    first_lines: list[int]


class ImportFailure(BaseModel):
    """Why an import failed: whether to mend the file (`invalid_rows`, `unreadable_file`), to make
    room (`too_large_for_disk`), to repair the archive (`archive_damaged`), or to retry."""

    code: Literal[
        "invalid_rows",
        "unreadable_file",
        "too_large_for_disk",
        "archive_damaged",
        "worker_lost",
        "internal_error",
    ]
    message: str


class FileWarning(BaseModel):
    """Something odd about a file or its rows that does not block the import."""

    code: str
    message: str
    count: int
    first_lines: list[int]
    hint: str | None


class ModelCount(BaseModel):
    """A model, and how many of the import's rows are of it."""

    model: str
    count: int


class ImportSummary(BaseModel):
    """Prices, scores, models and sellers of an import's rows."""

    lowest_price: float
    median_price: float
    highest_price: float
    lowest_score: float
    median_score: float
    highest_score: float
    models: int = Field(description="Number of different models")
    sellers: int = Field(description="Number of different sellers")
    top_models: list[ModelCount] = Field(
        description="The five most frequent models, the most frequent first"
    )


class ImportEffect(BaseModel):
    """What an import did to the market, as numbers of listings; for a dry run, what it would do."""

    new: int
    changed: int
    unchanged: int
    older: int = Field(description="The market already has a later observation")
    indistinct: int = Field(description="Not compared: these offers can't be told apart")


class ImportLinks(BaseModel):
    """Where the import's parts are found."""

    self: str
    listings: str
    errors: str
    report: str
    file: str


class ImportView(BaseModel):
    """The status of an import as clients see it."""

    import_id: str
    status: ImportStatus
    record_count: int = Field(description="Rows written; 0 until it has succeeded")
    first_model: str | None
    last_model: str | None
    timestamp: str = Field(description="When it ended; before that, when it was received")
    source: str | None
    description: str | None
    filename: str | None
    content_type: str | None
    content_encoding: str | None
    upload_id: str = Field(
        description="The import that the bytes were sent for; after a retry that of the first one"
    )
    size_bytes: int
    sha256: str
    encoding: str
    delimiter: str | None
    on_error: Literal["abort", "skip"]
    dry_run: bool
    schema_version: int
    phase: Literal["reading", "writing"] | None
    rows_read: int
    error_count: int
    errors_truncated: bool
    bytes_read: int
    progress: float = Field(ge=0, le=1)
    attempt: int
    stalled: bool
    reason: str | None = Field(
        description="Why it must be tried again; null if nothing has stopped it, and when it has "
        "ended"
    )
    received_at: str
    started_at: str | None
    heartbeat_at: str | None
    finished_at: str | None
    imported_at: str | None = Field(
        description="When its rows were committed: the moment for `as_of`"
    )
    rolled_back_at: str | None
    client: str | None = Field(description="The address that the request came from")
    user_agent: str | None
    ignored_columns: list[str]
    blank_rows: int = Field(description="Rows without a filled cell, which are skipped")
    same_content_as: str | None
    replaces: str | None
    warnings: list[FileWarning]
    summary: ImportSummary | None
    effect: ImportEffect | None
    error: ImportFailure | None
    error_summary: list[ErrorGroup]
    errors: list[dict[str, Any]]
    links: ImportLinks
