"""Cancels an import: the holder of the job's lock carries out the request."""

from peewee import Database

from glyphd.contracts.import_contracts import ImportStatus
from glyphd.db.registry_models import Job
from glyphd.errors import ImportFinal
from glyphd.importing.locks import JobLocks
from glyphd.importing.registry import Registry
from glyphd.storage.written import find_written
from glyphd.times import now_text


def cancel_import(job: Job, registry: Registry, locks: JobLocks, archive: Database) -> Job:
    """Cancels a job immediately if no worker runs it; otherwise its worker is notified and stops
    within a second.

    Returns the resulting job. Raises ImportFinal if it has ended. An import has succeeded once its
    batch is in the archive: then the request is too late, and the worker records success.
    """
    if not registry.request_cancel(job.id):
        raise ImportFinal(f"import {job.import_id} has already ended", import_id=job.import_id)
    with locks.hold(job.id) as is_free:
        if is_free and not _is_written(job, archive):
            claim = registry.claim(job.id)
            if claim is not None:
                registry.update_claimed(
                    claim,
                    status=ImportStatus.CANCELLED,
                    finished_at=now_text(),
                    phase=None,
                    reason=None,
                )
    return registry.job(job.id) or job


def _is_written(job: Job, archive: Database) -> bool:
    with archive.connection_context():
        return find_written(archive, job.import_id) is not None
