"""The row errors of one attempt: all are counted, the first ones are shown, and up to a limit they
are stored in a file."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO

from glyphd.contracts.row_errors import RowError
from glyphd.uploads import UploadStore

SHOWN_ERRORS = 20
SHOWN_LINES = 10


@dataclass
class _Group:
    count: int = 0
    first_lines: list[int] = field(default_factory=list)


def errors_name(import_id: str, attempt: int) -> str:
    """The file beside the upload with the row errors of one attempt."""
    return f"{import_id}.errors.{attempt}.ndjson"


class ErrorReport:
    """Collects row errors in file order. The file beside the upload is created for the first
    one."""

    def __init__(self, uploads: UploadStore, name: str, max_kept: int) -> None:
        self.count = 0
        self._kept = 0
        self._first: list[RowError] = []
        self._groups: dict[tuple[str | None, str], _Group] = {}
        self._uploads = uploads
        self._name = name
        self._max_kept = max_kept
        self._file: BinaryIO | None = None

    def add(self, errors: Iterable[RowError]) -> None:
        for error in errors:
            self.count += 1
            group = self._groups.setdefault((error.field, error.code), _Group())
            group.count += 1
            if len(group.first_lines) < SHOWN_LINES:
                group.first_lines.append(error.line)
            if len(self._first) < SHOWN_ERRORS:
                self._first.append(error)
            if self._kept < self._max_kept:
                self._keep(error)

    def has(self, code: str) -> bool:
        """True if there was an error with this code."""
        return any(code == group_code for _, group_code in self._groups)

    def settle(self) -> None:
        """Makes the file durable; must precede the archive's commit."""
        if self._file is not None:
            self._uploads.settle(self._file)
            self._file = None

    def discard(self) -> None:
        """Removes the file of a failed attempt. A settled one stays, because its batch may be
        committed."""
        if self._file is not None:
            self._file.close()
            self._file = None
            self._uploads.delete(self._name)

    def findings(self) -> dict[str, Any]:
        """What the registry stores about the errors: their number, how many are in the file, a
        group for each field and code (the largest first), and the first errors."""
        groups = sorted(self._groups.items(), key=lambda item: -item[1].count)
        return {
            "error_count": self.count,
            "errors_kept": self._kept,
            "errors_name": self._name if self.count else None,
            "error_summary": [
                {"field": name, "code": code} | asdict(group) for (name, code), group in groups
            ],
            "errors": [error.as_dict() for error in self._first],
        }

    def _keep(self, error: RowError) -> None:
        if self._file is None:
            self._file = self._uploads.create(self._name)
        self._file.write(json.dumps(error.as_dict(), ensure_ascii=False).encode() + b"\n")
        self._kept += 1


def is_between_errors(file: BinaryIO, offset: int) -> bool:
    """Whether an error begins at this offset, or the last one ends there."""
    if not 0 < offset <= file.seek(0, 2):
        return offset == 0
    file.seek(offset - 1)
    return file.read(1) == b"\n"


def read_errors(file: BinaryIO, offset: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """The stored errors from a byte offset on, each with the offset after it."""
    file.seek(offset)
    while line := file.readline():
        offset += len(line)
        yield offset, json.loads(line)
