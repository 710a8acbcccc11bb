"""The contracts of an import: its status, and what the store returns."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints

from glyphd.contracts.contract_base import Contract
from glyphd.contracts.described_as import DescribedAs, TimeText
from glyphd.contracts.gpu_listings import GPUListingDTO
from glyphd.contracts.row_errors import RowError


class ImportStatus(StrEnum):
    """The status of an import; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self not in UNFINISHED


UNFINISHED = (ImportStatus.QUEUED, ImportStatus.RUNNING)
FINAL = tuple(status for status in ImportStatus if status.is_final)

ImportId = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00]+$")]


class ScoredListingDTO(GPUListingDTO):
    """A listing in the archive: one scoring event."""

    listing_id: str = Field(
        description="The offer that this row is an observation of: 32 hex digits"
    )
    import_id: str = Field(description="The import that it came with")
    import_index: int = Field(description="The record's number in its file")
    line: int | None = Field(
        description="The line where the record starts in the kept file; null without a file"
    )
    first_seen_at: datetime = Field(description="The earliest seen_at of this listing")
    imported_at: datetime = Field(description="When its import was committed")
    rolled_back_at: datetime | None = Field(
        description="When its import was rolled back; null while it counts"
    )
    schema_version: int = Field(description="The version of the row contract")
    source: str | None = Field(description="Where its import came from, as given with the upload")
    gone_at: datetime | None = Field(
        description="When its offer was found missing; null if it is not gone"
    )


class GPUModelDTO(Contract):
    """A GPU model with its latest known specs, and the event from which they come."""

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


class QuantizedListingDTO(Contract):
    """The quantization capacities of one event."""

    model_config = ConfigDict(frozen=True)

    import_id: str
    import_index: int
    model_7b: int
    model_13b: int
    model_70b: int


class ImportMetadata(Contract):
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


class ImportResultDTO(Contract):
    """The result of writing one import."""

    model_config = ConfigDict(frozen=True)

    import_id: str
    record_count: int
    first_model: str | None
    last_model: str | None
    timestamp: datetime


class ErrorGroup(Contract):
    """All row errors with one field and code."""

    field: str | None
    code: str
    count: int
    first_lines: list[int]


class ImportFailure(Contract):
    """Why an import failed: whether to correct the file (`invalid_rows`, `unreadable_file`,
    `fewer_rows`), to free disk space (`too_large_for_disk`), to repair the archive
    (`archive_damaged`), or to retry."""

    code: Literal[
        "invalid_rows",
        "unreadable_file",
        "fewer_rows",
        "too_large_for_disk",
        "archive_damaged",
        "worker_lost",
        "internal_error",
    ]
    message: str


class FileWarning(Contract):
    """Something odd about a file or its rows that does not block the import."""

    code: str
    message: str
    count: int
    first_lines: list[int]
    hint: str | None


class ModelCount(Contract):
    """A model, and how many of the import's rows have it."""

    model: str
    count: int


class ImportSummary(Contract):
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


class ImportEffect(Contract):
    """How an import changed the market, in numbers of listings; for a dry run, how it would."""

    new: int
    changed: int
    unchanged: int
    older: int = Field(description="The market already has a later observation")
    indistinct: int = Field(description="Not compared: these offers can't be distinguished")
    gone: int = Field(0, description="No longer offered; indistinct offers are counted by group")
    back: int = Field(0, description="Offered again after they were gone; also in another count")


class ImportLinks(Contract):
    """The paths of the import's parts."""

    self: str
    listings: str
    errors: str
    report: str
    file: str


class ImportChange(Contract):
    """A rollback or a restore of an import, and who requested it."""

    kind: Literal["rollback", "restore"]
    status: ImportStatus
    reason: str | None
    requested_at: str
    finished_at: str | None
    created_by: str | None
    client: str | None
    user_agent: str | None


class ImportView(Contract):
    """The status of an import as clients see it."""

    import_id: str
    status: ImportStatus
    record_count: int = Field(description="Rows written; 0 until it has succeeded")
    first_model: str | None
    last_model: str | None
    timestamp: TimeText = Field(description="When it ended; before that, when it was received")
    source: str | None
    description: str | None
    filename: str | None
    content_type: str | None
    content_encoding: str | None
    upload_id: str = Field(
        description="The import for which the bytes were sent; for a retry, the first one"
    )
    size_bytes: int
    sha256: str
    encoding: str
    delimiter: str | None
    on_error: Literal["abort", "skip"]
    dry_run: bool
    complete: bool = Field(description="Whether the file lists everything that its source offers")
    allow_shrink: bool = Field(
        description="Whether such a file may have less than half of the rows of the previous one"
    )
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
        description="Why it must be repeated; null if nothing has stopped it, and when it has ended"
    )
    received_at: TimeText
    started_at: TimeText | None
    heartbeat_at: TimeText | None
    finished_at: TimeText | None
    imported_at: TimeText | None = Field(
        description="When its rows were committed: from then on `as_of` shows them"
    )
    rolled_back_at: TimeText | None
    client: str | None = Field(description="The address that the request came from")
    user_agent: str | None
    created_by: str | None = Field(description="The name of the token that it was sent with")
    ignored_columns: list[str]
    blank_rows: int = Field(description="Rows without a filled cell, which are skipped")
    same_content_as: str | None
    replaces: str | None
    warnings: list[FileWarning]
    summary: ImportSummary | None
    effect: ImportEffect | None
    error: ImportFailure | None
    error_summary: list[ErrorGroup]
    errors: list[Annotated[dict[str, Any], DescribedAs(RowError)]]
    changes: list[ImportChange] = Field(description="Its rollbacks and restores, latest first")
    links: ImportLinks
