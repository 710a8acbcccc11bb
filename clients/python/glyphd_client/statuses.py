"""What the service says about an import, and about each row that it refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from glyphd_client.errors import InvalidUse
from glyphd_client.records import read_record

State = Literal["queued", "running", "succeeded", "failed", "cancelled"]
FINAL = ("succeeded", "failed", "cancelled")


@dataclass(frozen=True, kw_only=True)
class RowError:
    """Why a row was refused. `field` and `column` are None if the whole row is at fault; `index` is
    the row's position in a JSON array, for rows that were sent as JSON."""

    row: int
    line: int
    field: str | None = None
    column: str | None = None
    code: str
    message: str
    value: str | None = None
    index: int | None = None


@dataclass(frozen=True, kw_only=True)
class ErrorGroup:
    """All row errors with one field and code."""

    field: str | None
    code: str
    count: int
    first_lines: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FileWarning:
    """Something odd about a file or its rows that does not stop the import."""

    code: str
    message: str
    count: int
    first_lines: tuple[int, ...] = ()
    hint: str | None = None


@dataclass(frozen=True, kw_only=True)
class ModelCount:
    """A model, and how many of the import's rows are of it."""

    model: str
    count: int


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Prices, scores, models and sellers of an import's rows."""

    lowest_price: float
    median_price: float
    highest_price: float
    lowest_score: float
    median_score: float
    highest_score: float
    models: int
    sellers: int
    top_models: tuple[ModelCount, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What an import did to the market, in listings; for a dry run, what it would do."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    older: int = 0
    indistinct: int = 0
    gone: int = 0
    back: int = 0


@dataclass(frozen=True, kw_only=True)
class ChangeEffect:
    """What a rollback or a restore would do to the market, in listings."""

    added: int = 0
    removed: int = 0
    changed: int = 0
    unchanged: int = 0
    indistinct: int = 0
    gone: int = 0
    back: int = 0


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why an import failed."""

    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class ImportChange:
    """A rollback or a restore of an import, and who requested it."""

    kind: Literal["rollback", "restore"]
    status: State
    reason: str | None = None
    requested_at: datetime | None = None
    finished_at: datetime | None = None
    created_by: str | None = None
    client: str | None = None
    user_agent: str | None = None


@dataclass(frozen=True, kw_only=True)
class ImportStatus:
    """One import, as docs/API.md describes its status. `raw` is the service's whole answer."""

    import_id: str
    status: State
    record_count: int = 0
    first_model: str | None = None
    last_model: str | None = None
    timestamp: datetime | None = None
    source: str | None = None
    description: str | None = None
    filename: str | None = None
    content_type: str | None = None
    content_encoding: str | None = None
    upload_id: str | None = None
    size_bytes: int = 0
    sha256: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    on_error: Literal["abort", "skip"] = "abort"
    dry_run: bool = False
    complete: bool = False
    allow_shrink: bool = False
    schema_version: int | None = None
    phase: Literal["reading", "writing"] | None = None
    rows_read: int = 0
    error_count: int = 0
    errors_truncated: bool = False
    bytes_read: int = 0
    progress: float = 0.0
    attempt: int = 0
    stalled: bool = False
    reason: str | None = None
    received_at: datetime | None = None
    started_at: datetime | None = None
    heartbeat_at: datetime | None = None
    finished_at: datetime | None = None
    imported_at: datetime | None = None
    rolled_back_at: datetime | None = None
    client: str | None = None
    user_agent: str | None = None
    created_by: str | None = None
    ignored_columns: tuple[str, ...] = ()
    blank_rows: int = 0
    same_content_as: str | None = None
    replaces: str | None = None
    warnings: tuple[FileWarning, ...] = ()
    summary: Summary | None = None
    effect: Effect | None = None
    error: Failure | None = None
    error_summary: tuple[ErrorGroup, ...] = ()
    errors: tuple[RowError, ...] = ()
    changes: tuple[ImportChange, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_final(self) -> bool:
        return self.status in FINAL


def read_status(data: Any) -> ImportStatus:
    """The status in an answer of the service. Raises InvalidUse if it is not glyphd's."""
    if not isinstance(data, Mapping) or not {"import_id", "status"} <= data.keys():
        raise InvalidUse("the answer is not glyphd's: is the address right?")
    return read_record(ImportStatus, {**data, "raw": data})
