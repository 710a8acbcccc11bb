"""One attempt at one import: read, check, stage, write. The result is a value; only trouble is raised."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, BinaryIO, cast

from glyphd.contracts.row_errors import RowError
from glyphd.db.registry_models import Job
from glyphd.errors import RowsRefused, UnreadableFile
from glyphd.importing.csv_rows import CsvRows
from glyphd.importing.encodings import DEFAULT_ENCODING
from glyphd.importing.error_report import ErrorReport
from glyphd.importing.intake import GZIP, NDJSON
from glyphd.importing.json_rows import JsonRows
from glyphd.importing.lines import PhysicalLines
from glyphd.importing.registry import Claim, ClaimLost
from glyphd.importing.validation import row_check
from glyphd.storage.staging import Stage, StagedRow, open_stage
from glyphd.storage.writing import Batch, Written, write_batch
from worker.context import WorkerContext
from worker.progress import Progress

CHUNK_ROWS = 1000
"""Rows checked and staged between two looks at whether to go on."""

UNPACK_BYTES = 1 << 20
"""Bytes unpacked at a time."""


class Interrupted(Exception):
    """The process was told to stop; the job goes back to the queue as it was."""


class FileImport:
    """Holds what one attempt has found out so far, so that a failed one can tell it too."""

    def __init__(self, context: WorkerContext, claim: Claim, progress: Progress) -> None:
        job = claim.job
        self.job = job
        self.written: Written | None = None
        self.record_count = 0
        self.ignored_columns: list[str] = []
        self.errors = ErrorReport(
            context.services.uploads,
            f"{job.import_id}.errors.{claim.attempt}.ndjson",
            context.services.settings.max_row_errors,
        )
        self._context = context
        self._progress = progress

    def run(self) -> None:
        """Raises RowsRefused or UnreadableFile when the file is at fault, and Interrupted when told to stop."""
        with self._context.archive.connection_context(), open_stage(self._context.archive) as stage:
            self._read(stage)
            self.errors.settle()
            self._require_valid_rows()
            if not self.job.dry_run:
                self._write(stage)

    def findings(self) -> dict[str, Any]:
        """What the registry keeps of the reading, whatever came of it."""
        return {
            "rows_read": self._progress.rows_read,
            "bytes_read": self._progress.bytes_read,
            "progress": self._progress.progress,
            "error_count": self.errors.count,
            "errors_kept": self.errors.kept,
            "errors_name": self.errors.name,
            "error_summary": self.errors.summary(),
            "errors": [error.as_dict() for error in self.errors.first],
            "ignored_columns": self.ignored_columns,
        }

    def _read(self, stage: Stage) -> None:
        check, size = row_check(self.job.received_at), self.job.size_bytes or 0
        with _kept_file(self._context, self.job) as (kept, unpacked):
            max_bytes = self._context.services.settings.max_line_bytes
            lines = PhysicalLines(unpacked, encoding=self.job.encoding or DEFAULT_ENCODING, max_bytes=max_bytes)
            rows = JsonRows(unpacked) if self.job.content_type == NDJSON else CsvRows(lines, str(self.job.delimiter))
            remaining = iter(rows)
            while chunk := list(islice(remaining, CHUNK_ROWS)):
                self._take(stage, [check(row) for row in chunk])
                self._progress.rows_read += len(chunk)
                self._progress.reading(_position(kept, lines, unpacked), size)
                self._go_on()
            self.ignored_columns = rows.ignored_columns
        self._progress.reading(size, size)

    def _take(self, stage: Stage, checked: list[StagedRow | list[RowError]]) -> None:
        for errors in checked:
            if isinstance(errors, list):
                self.errors.add(errors)
        self._progress.error_count = self.errors.count
        valid = [row for row in checked if isinstance(row, tuple)]
        self.record_count += len(valid)
        is_wanted = not self.job.dry_run and (self.job.on_error == "skip" or not self.errors.count)
        if is_wanted:
            stage.add(valid)

    def _require_valid_rows(self) -> None:
        if not self._progress.rows_read:
            raise UnreadableFile("the file has a header but no rows", line=1)
        if self.errors.count and (self.job.on_error == "abort" or not self.record_count):
            raise RowsRefused(f"{self.errors.count} errors in {self._progress.rows_read} rows; nothing was written")

    def _write(self, stage: Stage) -> None:
        self._progress.writing(0)
        stage.number_equal_rows()
        batch = Batch(
            self.job.import_id,
            self.job.source,
            self.job.description,
            self.job.filename,
            self.job.sha256,
            result=self.findings(),
        )
        self.written = write_batch(self._context.archive, stage, batch, step=self._step)

    def _step(self, done: float) -> None:
        self._progress.writing(done)
        self._go_on()

    def _go_on(self) -> None:
        """The one place where an attempt ends early."""
        if self._context.stopping.is_set():
            raise Interrupted
        if self._progress.is_lost:
            raise ClaimLost(f"job {self.job.id} was taken up by another worker")


class _Unpacked(io.RawIOBase):
    """What a gzip file unpacks to. Raises UnreadableFile beyond the limit, be it in the middle of a line."""

    def __init__(self, packed: BinaryIO, limit: int) -> None:
        self._gzip = gzip.GzipFile(fileobj=packed, mode="rb")
        self._limit = self._left = limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._gzip.readinto(buffer)
        self._left -= count
        if self._left < 0:
            raise UnreadableFile(f"the file unpacks to more than {self._limit} bytes")
        return count


@contextmanager
def _kept_file(context: WorkerContext, job: Job) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """The upload as received, and as text is read from it. Raises UnreadableFile for gzip that is damaged."""
    with context.services.uploads.open(str(job.upload_name)) as kept:
        if job.content_encoding != GZIP:
            yield kept, kept
            return
        try:
            unpacked = _Unpacked(kept, context.services.settings.max_unpacked_bytes)
            yield kept, cast(BinaryIO, io.BufferedReader(unpacked, UNPACK_BYTES))
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise UnreadableFile(f"the gzip data is damaged or cut short: {error}") from error


def _position(kept: BinaryIO, lines: PhysicalLines, unpacked: BinaryIO) -> int:
    """Bytes of the upload read so far: packed ones for gzip."""
    return kept.tell() if kept is not unpacked or not lines.offset else lines.offset
