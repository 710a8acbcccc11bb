"""One attempt at one import: read, check, stage, write. The result is a value; only trouble is raised."""

from collections.abc import Callable
from typing import Any, BinaryIO

from peewee import InterfaceError, OperationalError

from glyphd.contracts.row_errors import RowError
from glyphd.db.dialects import interrupter
from glyphd.errors import RowsRefused, UnreadableFile
from glyphd.importing.csv_rows import CsvRows
from glyphd.importing.encodings import DEFAULT_ENCODING
from glyphd.importing.error_report import ErrorReport, errors_name
from glyphd.importing.intake import GZIP, NDJSON
from glyphd.importing.json_rows import JsonRows
from glyphd.importing.lines import PhysicalLines
from glyphd.importing.registry import Claim
from glyphd.importing.validation import row_check
from glyphd.storage.staging import Stage, StagedRow, open_stage
from glyphd.storage.writing import Batch, Written, write_batch
from worker.context import WorkerContext
from worker.kept_file import in_chunks, open_kept
from worker.progress import Halt, Progress


class Halted(Exception):
    """The attempt has to end before it is done; nothing of it is in the archive."""

    def __init__(self, why: Halt) -> None:
        super().__init__(why.value)
        self.why = why


class FileImport:
    """Holds what one attempt has found out so far, so that a failed one can tell it too."""

    def __init__(self, context: WorkerContext, claim: Claim) -> None:
        job = claim.job
        self.job = job
        self.written: Written | None = None
        self.record_count = 0
        self.ignored_columns: list[str] = []
        self.errors = ErrorReport(
            context.services.uploads,
            errors_name(job.import_id, claim.attempt),
            context.services.settings.max_row_errors,
        )
        self._context = context
        self.progress = Progress()
        self._interrupt: Callable[[], None] | None = None

    def run(self) -> None:
        """Raises RowsRefused or UnreadableFile when the file is at fault, and Halted when it has to end before."""
        try:
            self._run()
        except (OperationalError, InterfaceError):
            self._go_on()  # a halt interrupts the statement at work, which looks like trouble of the database
            raise

    def interrupt(self) -> None:
        """Ends the statement at work, if there is one. For another thread."""
        if self._interrupt is not None:
            self._interrupt()

    def _run(self) -> None:
        with self._context.archive.connection_context():
            self._interrupt = interrupter(self._context.archive)
            try:
                with open_stage(self._context.archive) as stage:
                    self._read(stage)
                    self.errors.settle()
                    self._require_valid_rows()
                    if not self.job.dry_run:
                        self._write(stage)
            finally:
                self._interrupt = None

    def findings(self) -> dict[str, Any]:
        """What the registry keeps of the reading, whatever came of it."""
        return {
            "rows_read": self.progress.rows_read,
            "bytes_read": self.progress.bytes_read,
            "progress": self.progress.progress,
            "error_count": self.errors.count,
            "errors_kept": self.errors.kept,
            "errors_name": self.errors.name,
            "error_summary": self.errors.summary(),
            "errors": [error.as_dict() for error in self.errors.first],
            "ignored_columns": self.ignored_columns,
        }

    def _read(self, stage: Stage) -> None:
        check, size = row_check(self.job.received_at), self.job.size_bytes or 0
        settings = self._context.services.settings
        with open_kept(self._context.services, self.job, self._go_on) as (kept, unpacked):
            encoding = self.job.encoding or DEFAULT_ENCODING
            lines = PhysicalLines(unpacked, encoding=encoding, max_bytes=settings.max_line_bytes)
            rows: JsonRows | CsvRows
            if self.job.content_type == NDJSON:
                rows = JsonRows(unpacked)
            else:
                rows = CsvRows(lines, str(self.job.delimiter), max_columns=settings.max_columns)
            for chunk in in_chunks(rows):
                self._take(stage, [check(row) for row in chunk])
                self.progress.rows_read += len(chunk)
                self.progress.reading(self._position(kept, lines), size)
                self._go_on()
            self.ignored_columns = rows.ignored_columns
        self.progress.reading(size, size)

    def _position(self, kept: BinaryIO, lines: PhysicalLines) -> int:
        """Bytes of the upload read so far: packed ones for gzip."""
        is_plain_csv = self.job.content_encoding != GZIP and self.job.content_type != NDJSON
        return lines.offset if is_plain_csv else kept.tell()

    def _take(self, stage: Stage, checked: list[StagedRow | list[RowError]]) -> None:
        for errors in checked:
            if isinstance(errors, list):
                self.errors.add(errors)
        self.progress.error_count = self.errors.count
        valid = [row for row in checked if isinstance(row, tuple)]
        self.record_count += len(valid)
        is_wanted = not self.job.dry_run and (self.job.on_error == "skip" or not self.errors.count)
        if is_wanted:
            stage.add(valid)

    def _require_valid_rows(self) -> None:
        if not self.progress.rows_read:
            raise UnreadableFile("the file has a header but no rows", line=1)
        if self.errors.count and (self.job.on_error == "abort" or not self.record_count):
            raise RowsRefused(f"{self.errors.count} errors in {self.progress.rows_read} rows; nothing was written")

    def _write(self, stage: Stage) -> None:
        self.progress.writing(0)
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
        self.progress.writing(done)
        self._go_on()

    def _go_on(self) -> None:
        """The one place where an attempt ends early."""
        if self._context.stopping.is_set():
            raise Halted(Halt.STOPPING)
        if self.progress.halted_by is not None:
            raise Halted(self.progress.halted_by)
