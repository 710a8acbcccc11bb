"""Reads the feed for tests, and makes jobs that report something."""

from typing import Any

from glyphd.contracts.import_contracts import ImportStatus
from glyphd.db.archive_models import ROLLBACK, ImportBatch
from glyphd.db.dialects import is_sqlite
from glyphd.db.registry_models import Job
from glyphd.events.feed import events_after
from glyphd.importing.claims import Claim
from glyphd.importing.registry import Registry
from glyphd.times import now_text
from tests.importing.jobs import add_job

KEPT = {"upload_name": "a.csv", "size_bytes": 1, "encoding": "utf-8", "on_error": "abort"}


def feed(registry: Registry, after: int = 0) -> list[tuple[str, dict[str, Any]]]:
    """Each event's kind and data."""
    with registry.connected():
        events = events_after(registry.database, after, [], limit=10_000)
    return [(kind, data) for _, kind, _, data in events]


def kinds(registry: Registry) -> list[str]:
    return [kind for kind, _ in feed(registry)]


def claimed(registry: Registry, job: Job) -> Claim:
    claim = registry.claim(job.id)
    assert claim is not None
    return claim


def finish(registry: Registry, claim: Claim, **values: Any) -> None:
    """Ends a job as a worker does."""
    ending = {"status": ImportStatus.SUCCEEDED, "finished_at": now_text()} | values
    if ending["status"] == ImportStatus.SUCCEEDED:
        _write(registry, claim.job)
    registry.update_claimed(claim, **ending)


def _write(registry: Registry, job: Job) -> None:
    """Writes as much of a batch as is checked when its job ends, if archive and registry are one
    database."""
    if is_sqlite(registry.database):
        return
    batch = {"import_id": job.import_id, "imported_at": now_text(), "record_count": 0}
    made = ImportBatch.insert(schema_version=2, result={}, **batch).on_conflict_ignore()
    rolled_back_at = now_text() if job.kind == ROLLBACK else None
    changed = ImportBatch.update(rolled_back_at=rolled_back_at)
    with registry.connected():
        registry.database.execute(made)
        registry.database.execute(changed.where(ImportBatch.import_id == job.import_id))


def finished_import(registry: Registry, **values: Any) -> Job:
    job = add_job(registry, **(KEPT | values))
    finish(registry, claimed(registry, job))
    return job
