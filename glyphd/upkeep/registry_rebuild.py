"""`glyphd rebuild --registry`: recovers the kept uploads that the registry lacks.

Those in the archive have already succeeded; the rest is queued for a worker in the original order.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from peewee import Database

from glyphd.contracts.import_contracts import ImportStatus
from glyphd.db.archive_models import BatchChange, ImportBatch
from glyphd.db.connections import open_archive, open_registry
from glyphd.db.registry_models import Job
from glyphd.importing.registry import Registry
from glyphd.importing.unrecorded import NotTakenUp, Unrecorded, find_unrecorded, job_values, record
from glyphd.plurals import counted
from glyphd.settings import Settings
from glyphd.tokens.token_store import lock
from glyphd.upkeep.agreement import find_batch
from glyphd.upkeep.rebuild import findings_in, opened, refuse_beside_worker
from glyphd.upkeep.upload_copies import Progress
from glyphd.uploads import UploadStore
from glyphd.uploads.opening import open_uploads, prepare_ledger


@dataclass
class Recovered:
    """What was added to the registry, and a line for each kept upload that could not be made an
    import."""

    in_archive: int = 0
    queued: int = 0
    changes: int = 0
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        imports = counted(self.in_archive, "import")
        changes = counted(self.changes, "rollback or restore", "rollbacks and restores")
        return (
            f"{imports} whose rows are in the archive, {self.queued} for the next worker to "
            f"import, {changes}"
        )


def rebuild_registry(settings: Settings, progress: Progress) -> Recovered:
    """Creates a registry if there is none, and jobs for all uploads with a manifest that it lacks.

    It can be repeated, and then adds nothing. Raises CannotRebuild while a worker is alive, and
    what `prepare_ledger` raises.
    """
    prepare_ledger(settings, registry_may_be_lost=True)
    with (
        opened(open_registry(settings)) as database,
        opened(open_archive(settings, read_only=True)) as archive,
    ):
        registry = Registry(database)
        refuse_beside_worker(registry)
        return _Recovery(registry, archive, open_uploads(settings), progress).run()


@dataclass(frozen=True)
class _Recovery:
    registry: Registry
    archive: Database
    uploads: UploadStore
    progress: Progress
    done: Recovered = field(default_factory=Recovered)

    def run(self) -> Recovered:
        unrecorded = find_unrecorded(self.uploads, self.registry)
        # Uploads in the archive come first: of two uploads with the same idempotency key, the one
        # in the archive was accepted.
        unrecorded.sort(key=lambda found: find_batch(self.archive, found.import_id) is None)
        with self.progress(len(unrecorded)) as advance:
            for found in unrecorded:
                self._take_up(found)
                advance(1)
        self._note_changes()
        self._note_unknown_batches()
        self._lock_as_before(unrecorded)
        return self.done

    def _lock_as_before(self, found: list[Unrecorded]) -> None:
        """A service that needed tokens does not become open because they are lost."""
        if any((one.values or {}).get("created_by") for one in found):
            lock(self.registry.database)
            self.done.notes.append(
                "the tokens are lost: create new ones with `glyphd token create`; until then every "
                "request is refused"
            )

    def _take_up(self, found: Unrecorded) -> None:
        batch = find_batch(self.archive, found.import_id)
        try:
            values = job_values(found, self.uploads)
            record(self.registry, values if batch is None else values | _succeeded(batch))
        except NotTakenUp as reason:
            self.done.notes.append(f"import {found.import_id}: {reason}")
            return
        if batch is None:
            self.done.queued += 1
        else:
            self.done.in_archive += 1

    def _note_changes(self) -> None:
        """The rollbacks and restores in the archive; who requested them is no longer known."""
        known = {(job.import_id, job.kind, job.imported_at) for job in self.registry.changes()}
        for change in BatchChange.select().order_by(BatchChange.id).bind(self.archive):
            job = self.registry.find_import(change.import_id)
            if job is None or (change.import_id, change.kind, change.changed_at) in known:
                continue
            self.registry.add(_change_values(change, job))
            self.done.changes += 1
        for batch in (
            ImportBatch.select().where(ImportBatch.rolled_back_at.is_null(False)).bind(self.archive)
        ):
            job = self.registry.find_import(batch.import_id)
            if job is not None and job.rolled_back_at != batch.rolled_back_at:
                self.registry.amend(job, rolled_back_at=batch.rolled_back_at)

    def _note_unknown_batches(self) -> None:
        held = ImportBatch.select(ImportBatch.import_id).where(ImportBatch.sha256.is_null(False))
        known = self.registry.import_ids()
        for (import_id,) in self.archive.execute(held):
            if import_id not in known:
                self.done.notes.append(
                    f"import {import_id}: its rows are in the archive, its manifest is missing"
                )


def _succeeded(batch: Any) -> dict[str, Any]:
    """The values that a worker writes into the registry when an import has ended, read from the
    archive."""
    return findings_in(json.loads(batch.result)) | {
        "status": ImportStatus.SUCCEEDED,
        "progress": 1.0,
        "attempt": 1,
        "record_count": batch.record_count,
        "first_model": batch.first_model,
        "last_model": batch.last_model,
        "imported_at": batch.imported_at,
        "finished_at": batch.imported_at,
        "rolled_back_at": batch.rolled_back_at,
    }


def _change_values(change: Any, job: Job) -> dict[str, Any]:
    return {
        "kind": change.kind,
        "import_id": change.import_id,
        "reason": change.reason,
        "schema_version": job.schema_version,
        "status": ImportStatus.SUCCEEDED,
        "progress": 1.0,
        "attempt": 1,
        "received_at": change.changed_at,
        "imported_at": change.changed_at,
        "finished_at": change.changed_at,
    }
