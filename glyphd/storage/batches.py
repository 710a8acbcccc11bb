"""The properties of an import besides its rows."""

from dataclasses import dataclass, field
from typing import Any

from glyphd.contracts.columns import ROW_SCHEMA_VERSION


@dataclass(frozen=True)
class Batch:
    """What is recorded about an import besides its rows. `result` is kept as JSON and never read by
    SQL, `schema_version` is the row contract that the rows were read by.

    `imported_at` is given only when an archive is rebuilt; otherwise it is the moment of the
    commit. `complete`: the file lists everything that its source, which must be given, offers at
    the file's newest `seen_at`; if it has no rows, at `received_at`. It may have less than half of
    the rows of the source's last import only with `allow_shrink`.
    """

    import_id: str
    source: str | None = None
    description: str | None = None
    filename: str | None = None
    sha256: str | None = None
    result: dict[str, Any] = field(default_factory=dict)
    imported_at: str | None = None
    schema_version: int = ROW_SCHEMA_VERSION
    complete: bool = False
    allow_shrink: bool = False
    received_at: str | None = None

    def complete_at(self, last_seen_at: str | None) -> str | None:
        """The moment for which the file is complete, given the newest `seen_at` of its rows; null
        if it was not sent as complete."""
        return (last_seen_at or self.received_at) if self.complete else None
