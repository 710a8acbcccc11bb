"""Compares the archive with the kept files: reads them again as the import did, and compares row by
row.

Writes only temporary tables, and takes no lock for which an import would wait.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from peewee import Database, fn

from glyphd.db.archive_models import ImportBatch, ScoredListing
from glyphd.db.damage import find_damage
from glyphd.db.dialects import read_any_text
from glyphd.db.drift import find_drift
from glyphd.db.pairing import find_mismatch
from glyphd.db.registry_models import Job
from glyphd.errors import ImportNotFound, UnreadableFile
from glyphd.importing.reading import read_kept
from glyphd.importing.registry import Registry
from glyphd.plurals import counted
from glyphd.settings import Settings
from glyphd.storage.comparing import MOST, Side, differences, place_of
from glyphd.storage.stage_tables import STAGED_COLUMNS, staged
from glyphd.storage.staging import Stage, open_stage
from glyphd.upkeep.agreement import check_agreement, check_changes, check_rollback, find_batch
from glyphd.upkeep.archive_checks import ARCHIVE_CHECKS
from glyphd.upkeep.batch_checks import BATCH_CHECKS, check_digest
from glyphd.upkeep.originals import check_notes, check_upload, has_upload
from glyphd.upkeep.telling import until_unreadable
from glyphd.uploads import UploadStore

_AT_ONCE = 500

Tick = Callable[[int], None]
"""Called with the number of further bytes of kept files that are done."""


@dataclass
class Tally:
    """What was compared: files, imports with a file and their rows, and imports without one."""

    files: int = 0
    imports: int = 0
    rows: int = 0
    without_file: int = 0

    def __str__(self) -> str:
        files = counted(self.files, "kept file")
        imports = f"{counted(self.imports, 'import')} with {counted(self.rows, 'row')}"
        return f"{files}, {imports}, {self.without_file} without a file"


@dataclass
class Verifier:
    """Compares imports with their kept files. The caller holds the connection of `archive`, open
    for writing."""

    archive: Database
    registry: Registry
    uploads: UploadStore
    settings: Settings
    tick: Tick = lambda done: None
    tally: Tally = field(default_factory=Tally)

    def verify_all(self) -> Iterator[str]:
        """A line for each problem with the databases or an import.

        If there is none, also checks what is derived from all events, which would be meaningless if
        events were altered.
        """
        found = False
        for line in chain(find_damage(self.settings), until_unreadable(self._everything())):
            found = True
            yield line
        for check in () if found else ARCHIVE_CHECKS:
            yield from islice(until_unreadable(check(self.archive)), MOST)

    def verify(self, import_ids: Iterable[str]) -> Iterator[str]:
        """A line for each problem with these imports. Raises ImportNotFound for an
        unknown one."""
        read_any_text(self.archive)
        for import_id in import_ids:
            lines = until_unreadable(self._verify(import_id))
            shown = [f"import {import_id}: {line}" for line in islice(lines, MOST)]
            yield from shown
            if len(shown) == MOST and next(lines, None) is not None:
                yield f"import {import_id}: and more; only the first {MOST} differences are shown"

    def _everything(self) -> Iterator[str]:
        yield from find_mismatch(self.settings)
        yield from find_drift(self.settings)
        yield from self.verify(self._all_imports())
        yield from check_changes(self.registry, self.archive)

    def total_bytes(self, import_ids: Iterable[str] | None = None) -> int:
        """Bytes of the kept files of these imports, or of all."""
        if import_ids is not None:
            jobs = (self.registry.find_import(import_id) for import_id in import_ids)
            return sum(job.size_bytes or 0 for job in jobs if job is not None)
        query = Job.select(fn.SUM(Job.size_bytes)).where(Job.kind == "import")
        with self.registry.database.connection_context():
            return int(self.registry.database.execute(query).fetchone()[0] or 0)

    def _verify(self, import_id: str) -> Iterator[str]:
        """The job is read before the batch: if it had succeeded by then, its batch exists,
        regardless of what runs meanwhile."""
        job = self.registry.find_import(import_id)
        batch = find_batch(self.archive, import_id)
        if job is not None:
            yield from check_agreement(job, batch)
            yield from check_rollback(self.registry, self.archive, import_id)
            yield from check_notes(self.uploads, job)
            yield from self._kept_file(job, batch)
        elif batch is None:
            raise ImportNotFound(f"there is no import {import_id}", import_id=import_id)
        elif batch.sha256 is None:
            self.tally.without_file += 1
            yield from check_digest(self.archive, batch)
        else:
            yield "it is in the archive, but not in the registry"
        if batch is not None:
            for check in BATCH_CHECKS:
                yield from check(self.archive, batch)

    def _kept_file(self, job: Job, batch: Any) -> Iterator[str]:
        yield from check_upload(self.uploads, job)
        if not has_upload(self.uploads, job):
            return
        self.tally.files += 1
        if batch is None:
            self.tick(job.size_bytes or 0)
        else:
            yield from self._rows(job)

    def _rows(self, job: Job) -> Iterator[str]:
        """The file's rows, staged like those of an import, against the import's events."""
        with open_stage(self.archive) as stage:
            try:
                yield from self._stage(stage, job)
            except UnreadableFile as error:
                yield f"the kept file can't be read: {error.detail}"
                return
            stage.complete()
            self.tally.imports += 1
            self.tally.rows += stage.count
            columns = ScoredListing._meta.columns
            events = ScoredListing.select(*(columns[name] for name in STAGED_COLUMNS))
            archive = Side("the archive", events.where(ScoredListing.import_id == job.import_id))
            file = Side(
                "the file", staged.select(*(getattr(staged.c, name) for name in STAGED_COLUMNS))
            )
            yield from differences(self.archive, file, archive, STAGED_COLUMNS[1:])

    def _stage(self, stage: Stage, job: Job) -> Iterator[str]:
        """Stages the accepted rows. For an import that skips none, a line for each of the
        others."""
        done = 0
        with read_kept(self.uploads, job, settings=self.settings) as kept:
            for checked in kept.checked():
                stage.add(checked.accepted)
                self.tick(kept.bytes_read - done)
                done = kept.bytes_read
                for errors in checked.refused if job.on_error != "skip" else ():
                    first = errors[0]
                    yield (
                        f"{place_of(first.row, first.line)}: the file's row is refused: "
                        f"{first.sentence}"
                    )
        self.tick((job.size_bytes or 0) - done)

    def _all_imports(self) -> Iterator[str]:
        """All batches, oldest first, then the imports that have none."""
        last = 0
        while batches := self._batches(ImportBatch.id > last):
            yield from batches.values()
            last = max(batches)
        before = None
        while jobs := self.registry.imports({}, before=before, limit=_AT_ONCE):
            ids = [job.import_id for job in jobs]
            held = set(self._batches(ImportBatch.import_id.in_(ids)).values())
            yield from (import_id for import_id in ids if import_id not in held)
            before = jobs[-1].id

    def _batches(self, where: Any) -> dict[int, str]:
        query = ImportBatch.select(ImportBatch.id, ImportBatch.import_id).where(where)
        return dict(self.archive.execute(query.order_by(ImportBatch.id).limit(_AT_ONCE)).fetchall())
