"""One attempt at one import: read, check, stage, write. The result is a value; only problems are
raised."""

from typing import Any

from glyphd.contracts.numeric_cells import DECIMAL_COMMA
from glyphd.errors import RowsRefused, UnreadableFile
from glyphd.importing.claims import Claim
from glyphd.importing.error_report import ErrorReport, errors_name
from glyphd.importing.reading import read_kept
from glyphd.importing.validation import Checked
from glyphd.plurals import counted
from glyphd.storage.clock import last_moment, latest_seen_at
from glyphd.storage.oddities import oddity
from glyphd.storage.staging import Stage, open_stage
from glyphd.storage.writing import Batch, Written, foresee, write_batch
from worker.apart import is_worth_it
from worker.attempts import Attempt
from worker.context import WorkerContext
from worker.room import Room


class FileImport(Attempt):
    """Collects the findings of one attempt, so that a failed one can report them too."""

    def __init__(self, context: WorkerContext, claim: Claim) -> None:
        super().__init__(context)
        job = claim.job
        self.job = job
        self._room = Room(context.services.settings, context.archive)
        self.written: Written | None = None
        self.foreseen: dict[str, Any] = {}
        self.record_count = 0
        self.ignored_columns: list[str] = []
        self.blank_rows = 0
        self.warnings: list[dict[str, Any]] = []
        self.errors = ErrorReport(
            context.services.uploads,
            errors_name(job.import_id, claim.attempt),
            context.services.settings.max_row_errors,
        )

    def run(self) -> None:
        """Raises RowsRefused or UnreadableFile for errors in the file, and Halted if it must end
        before."""
        with self.connected() as archive, open_stage(archive) as stage, self._room.watched():
            self._fill(stage)
            if self.job.dry_run:
                self.foreseen = foresee(archive, stage, self.job.source)
            else:
                self._write(stage)

    def findings(self) -> dict[str, Any]:
        """The registry's findings of the reading, even if it failed."""
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
            "blank_rows": self.blank_rows,
            "warnings": [*self.warnings, *self._same_content()],
        }

    def _same_content(self) -> list[dict[str, Any]]:
        same = self.job.same_content_as
        if same is None:
            return []
        return [
            oddity(
                "same_content",
                f"import {same} had the same bytes",
                1,
                hint="importing the same file again changes nothing",
            )
        ]

    def _fill(self, stage: Stage) -> None:
        self._read(stage)
        self.errors.settle()
        self._require_valid_rows()
        self.progress.writing(0)
        self._room.require(copies=1)
        stage.complete()

    def _read(self, stage: Stage) -> None:
        size, services = self.job.size_bytes or 0, self._context.services
        read = self._context.reader.read if is_worth_it(self.job) else read_kept
        latest = latest_seen_at(last_moment(self._context.archive), self.job.received_at)
        with read(
            services.uploads,
            self.job,
            settings=services.settings,
            go_on=self.go_on,
            latest_seen_at=latest,
        ) as kept:
            for checked in kept.checked():
                self._room.require()
                self._take(stage, checked)
                self.progress.rows_read += checked.rows_read
                self.progress.reading(kept.bytes_read, size)
                self.go_on()
            self.ignored_columns = kept.ignored_columns
            self.blank_rows = kept.blank_rows
            self.warnings += kept.warnings
        self.progress.reading(size, size)

    def _take(self, stage: Stage, checked: Checked) -> None:
        for errors in checked.refused:
            self.errors.add(errors)
        self.progress.error_count = self.errors.count
        self.record_count += checked.accepted_count
        if self.job.on_error == "skip" or not self.errors.count:
            stage.add(checked.accepted)

    def _require_valid_rows(self) -> None:
        if not self.progress.rows_read:
            raise UnreadableFile("the file has a header but no rows", line=1)
        if self.errors.has(DECIMAL_COMMA[0]):
            what = (
                "the file has decimal commas, so its other numbers can't be trusted: "
                "send it with decimal=comma"
            )
            raise RowsRefused(f"{what}; nothing was written")
        if self.errors.count and (self.job.on_error == "abort" or not self.record_count):
            errors, rows = counted(self.errors.count, "error"), self.progress.rows_read
            raise RowsRefused(f"{errors} in {counted(rows, 'row')}; nothing was written")

    def _write(self, stage: Stage) -> None:
        batch = Batch(
            self.job.import_id,
            self.job.source,
            self.job.description,
            self.job.filename,
            self.job.sha256,
            result=self.findings(),
            schema_version=self.job.schema_version,
        )
        self.written = write_batch(self._context.archive, stage, batch, step=self._step)

    def _step(self, done: float) -> None:
        self.progress.writing(done)
        self._room.require()
        self.go_on()
