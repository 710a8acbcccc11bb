"""Rebuilds an archive from the kept uploads and the registry, in the original order.

It uses nothing else. Every event gets its original position and time, so that the new archive gives
the same answers as the old one, except for imports of an older row contract, whose files are read
by the current rules.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from peewee import Database

from glyphd.contracts.columns import FIRST_VERSION, ROW_SCHEMA_VERSION
from glyphd.db.connections import close_all, open_archive, open_registry, open_registry_to_look
from glyphd.db.registry_models import Job
from glyphd.errors import CannotRebuild, Refused
from glyphd.history.market_summaries import keep_summaries
from glyphd.importing.job_queries import IMPORT
from glyphd.importing.kept_files import measure
from glyphd.importing.reading import read_kept
from glyphd.importing.registry import FINDINGS, JSON_FINDINGS, Registry, as_stored
from glyphd.plurals import counted
from glyphd.settings import Settings
from glyphd.storage.batch_changes import Change, change_batch
from glyphd.storage.batches import Batch
from glyphd.storage.staging import Stage, open_stage
from glyphd.storage.writing import write_batch
from glyphd.storage.written import Written
from glyphd.upkeep.rereading import refused_by_now, renew_manifest, reread
from glyphd.upkeep.upload_copies import Progress
from glyphd.uploads import UploadStore


@dataclass
class Rebuilt:
    """The contents of a new archive, and a line for each import that differs from the old one."""

    imports: int = 0
    changes: int = 0
    events: int = 0
    import_ids: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        imports, events = counted(self.imports, "import"), counted(self.events, "event")
        changes = counted(self.changes, "rollback or restore", "rollbacks and restores")
        return f"{imports} with {events}, {changes}"


OnJob = Callable[[Job], None]
"""Called with each job before it is repeated."""


@dataclass(frozen=True)
class Rebuilder:
    """Fills the empty archive of `into` from a registry and its uploads, with the limits of
    `into`."""

    into: Settings
    registry: Registry
    uploads: UploadStore
    on_job: OnJob
    done: Rebuilt = field(default_factory=Rebuilt)

    def run(self) -> Rebuilt:
        """Raises CannotRebuild if a kept file is missing, was changed, or has different rows than
        before.

        Imports of an older row contract may have different rows: that is noted, and recorded in the
        registry.
        """
        timeline = self.registry.timeline()
        older = {job.id for job in self.registry.all_jobs() if job.schema_version < FIRST_VERSION}
        for job in timeline:
            if job.kind == IMPORT:
                self._require_intact(job)
        with opened(open_archive(self.into, read_only=False)) as database:
            for job in timeline:
                self.on_job(job)
                self._do_again(database, job)
            keep_summaries(database)
        self._settle(older)
        return self.done

    def _settle(self, older: set[int]) -> None:
        """From now on the files of these jobs are read by this version's row contract, regardless
        of the imports' outcome."""
        if not older:
            return
        self.registry.settle_versions(FIRST_VERSION, ROW_SCHEMA_VERSION)
        for job in self.registry.all_jobs():
            if job.id in older and job.kind == IMPORT:
                renew_manifest(self.uploads, job)

    def _do_again(self, database: Database, job: Job) -> None:
        if job.kind == IMPORT:
            self._import(database, job)
        elif job.import_id in self.done.import_ids:
            change_batch(database, Change(job.import_id, job.kind, job.reason, job.imported_at))
            self.done.changes += 1
        else:
            self.registry.amend(job, status="failed", error_code="import_not_succeeded")

    def _import(self, database: Database, job: Job) -> None:
        with open_stage(database) as stage:
            is_older = job.schema_version < FIRST_VERSION
            if not is_older:
                self._stage(stage, job)
            elif not self._stage_by_present_rules(stage, job):
                return
            stage.complete()
            written = write_batch(database, stage, _batch_of(job))
        _require_same_count(job, written)
        if is_older:
            self.registry.amend(job, **findings_in(written.result))
        self.done.imports += 1
        self.done.events += written.record_count
        self.done.import_ids.add(job.import_id)

    def _stage(self, stage: Stage, job: Job) -> None:
        with read_kept(self.uploads, job, settings=self.into) as kept:
            for checked in kept.checked():
                stage.add(checked.accepted)

    def _stage_by_present_rules(self, stage: Stage, job: Job) -> bool:
        """Stages the rows that this version's contract accepts, and records the findings; False if
        it accepts none."""
        before = (job.record_count, job.error_count)
        try:
            values = reread(stage, job, self.uploads, self.into)
        except Refused as error:
            self.registry.amend(job, **refused_by_now(error))
            self.done.notes.append(
                f"import {job.import_id}: the row contract now refuses its file ({error.detail}), "
                f"so it has failed; its file is kept, at /api/imports/{job.import_id}/file, and "
                "…/retry runs it "
                "again with other options"
            )
            return False
        self.registry.amend(job, **values)
        if (job.record_count, job.error_count) != before:
            self.done.notes.append(
                f"import {job.import_id}: the row contract now accepts {job.record_count} of its "
                f"{job.rows_read} rows, and accepted {before[0]} before; "
                f"/api/imports/{job.import_id}/errors has the others"
            )
        return True

    def _require_intact(self, job: Job) -> None:
        if measure(self.uploads, job) != (job.size_bytes, job.sha256):
            raise CannotRebuild(
                f"import {job.import_id}: its kept file was changed", import_id=job.import_id
            )


def refill(target: Settings, source: Settings, uploads: UploadStore, progress: Progress) -> Rebuilt:
    """Fills the empty archive of `target` from the registry of `source`. Raises what
    `Rebuilder.run` raises."""
    with opened(open_registry(source)) as database:
        registry = Registry(database)
        with progress(sum(job.size_bytes or 0 for job in registry.timeline())) as advance:
            return Rebuilder(
                target, registry, uploads, lambda job: advance(job.size_bytes or 0)
            ).run()


def require_no_worker(settings: Settings) -> set[str]:
    """The imports that the registry calls succeeded. Raises CannotRebuild while a worker has the
    registry."""
    with opened(open_registry_to_look(settings)) as database:
        registry = Registry(database)
        refuse_beside_worker(registry)
        return set(registry.succeeded())


def refuse_beside_worker(registry: Registry) -> None:
    """Raises CannotRebuild while a worker has the registry."""
    if registry.workers_alive():
        raise CannotRebuild(
            "a worker is running: stop the service first; a killed worker is ignored "
            "after ten seconds"
        )


@contextmanager
def opened(database: Database) -> Iterator[Database]:
    try:
        with database.connection_context():
            yield database
    finally:
        close_all(database)


def _require_same_count(job: Job, written: Written) -> None:
    if written.record_count != job.record_count:
        found = f"{written.record_count} rows, and there were {job.record_count}"
        raise CannotRebuild(
            f"import {job.import_id}: its kept file gives {found}", import_id=job.import_id
        )


def findings_in(result: dict[str, Any]) -> dict[str, Any]:
    """A batch's values about its reading and writing, such as `effect`, as the registry stores
    them."""
    return as_stored({name: value for name, value in result.items() if name in FINDINGS})


def _batch_of(job: Job) -> Batch:
    """The record about the import. Its findings in the registry stay unchanged."""
    result: dict[str, Any] = {name: getattr(job, name) for name in FINDINGS}
    result |= {name: json.loads(result[name]) for name in JSON_FINDINGS if result[name] is not None}
    return Batch(
        job.import_id,
        job.source,
        job.description,
        job.filename,
        job.sha256,
        result,
        imported_at=job.imported_at or job.finished_at,
        schema_version=job.schema_version,
        complete=bool(job.complete),
        allow_shrink=True,  # an import that succeeded is repeated
        received_at=job.received_at,
    )
