"""One attempt at one import: read, check, stage, write. The result is a value; only problems are
raised."""

from typing import Any

from glyphd.contracts.numeric_cells import DECIMAL_COMMA
from glyphd.errors import RowsRefused, UnreadableFile
from glyphd.importing.claims import Claim
from glyphd.importing.error_report import ErrorReport, errors_name
from glyphd.importing.reading import read_kept
from glyphd.importing.small_files import is_small
from glyphd.plurals import counted
from glyphd.storage.batches import Batch
from glyphd.storage.clock import last_moment, latest_seen_at
from glyphd.storage.oddities import oddity
from glyphd.storage.preparing import foresee
from glyphd.storage.staging import Stage, open_stage
from glyphd.storage.writing import write_batch
from glyphd.storage.written import Written
from worker.apart import is_worth_it
from worker.attempts import Attempt
from worker.context import WorkerContext
from worker.room import Room
from worker.watching import look_for_watches


class FileImport(Attempt):
    """Collects the findings of one attempt, so that a failed one can report them too."""

    def __init__(self, context: WorkerContext, claim: Claim) -> None:
        super().__init__(context)
        services, self.job = context.services, claim.job
        self._claim = claim
        self.written: Written | None = None
        self.foreseen: dict[str, Any] = {}
        self.record_count = 0
        self.errors = ErrorReport(
            services.uploads,
            errors_name(claim.job.import_id, claim.attempt),
            services.settings.max_row_errors,
        )
        self._room = Room(services, context.archive)
        self._found: dict[str, Any] = {"ignored_columns": [], "blank_rows": 0, "warnings": []}

    def run(self) -> None:
        """Raises RowsRefused, UnreadableFile or FewerRows for errors in the file, and Halted if it
        must end before."""
        with (
            self.connected() as archive,
            open_stage(archive, is_small=is_small(self.job)) as stage,
            self._room.watched(),
        ):
            # 1. Valid rows go into the stage, the errors of the others into a file.
            self._read(stage)
            self.errors.settle()
            self._require_valid_rows()
            # 2. The stage is completed, if there is enough space to write it.
            self.progress.writing(0)
            self._room.require(copies=1)
            stage.complete()
            # 3. It is written, or for a dry run only examined.
            batch = Batch(
                self.job.import_id,
                self.job.source,
                self.job.description,
                self.job.filename,
                self.job.sha256,
                result=self.findings(),
                schema_version=self.job.schema_version,
                complete=bool(self.job.complete),
                allow_shrink=bool(self.job.allow_shrink),
                received_at=self.job.received_at,
            )
            if self.job.dry_run:
                self.foreseen = foresee(archive, stage, batch)
                return
            look = look_for_watches(self._context.services.registry, self._claim)
            self.written = write_batch(archive, stage, batch, step=self._step, look=look)

    def findings(self) -> dict[str, Any]:
        """What the registry keeps about the reading, whatever its outcome."""
        warnings = [*self._found["warnings"]]
        same = self.job.same_content_as
        if same is not None:
            what = f"import {same} had the same bytes"
            hint = "rows without a seen_at count as seen now: an old file becomes the newest"
            warnings.append(oddity("same_content", what, 1, hint=hint))
        return {
            "rows_read": self.progress.rows_read,
            "bytes_read": self.progress.bytes_read,
            "progress": self.progress.progress,
            **self.errors.findings(),
            **self._found,
            "warnings": warnings,
        }

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
            for rows_read, accepted, refused in kept.checked():
                self._room.require()
                for errors in refused:
                    self.errors.add(errors)
                if self.job.on_error == "skip" or not self.errors.count:
                    stage.add(accepted)
                self.record_count += rows_read - len(refused)
                self.progress.rows_read += rows_read
                self.progress.error_count = self.errors.count
                self.progress.reading(kept.bytes_read, size)
                self.go_on()
            self._found = kept.findings()
        self.progress.reading(size, size)

    def _require_valid_rows(self) -> None:
        if not self.progress.rows_read:
            if self.job.complete:
                return  # its source no longer offers anything
            raise UnreadableFile("the file has a header but no rows", line=1)
        if not self.errors.count:
            return
        if self.errors.has(DECIMAL_COMMA[0]):
            what = (
                "the file has decimal commas, so its other numbers can't be trusted: "
                "send it with decimal=comma"
            )
            raise RowsRefused(f"{what}; nothing was written")
        if self.job.on_error == "abort" or not self.record_count:
            errors, rows = counted(self.errors.count, "error"), self.progress.rows_read
            raise RowsRefused(f"{errors} in {counted(rows, 'row')}; nothing was written")

    def _step(self, done: float) -> None:
        self.progress.writing(done)
        self._room.require()
        self.go_on()
