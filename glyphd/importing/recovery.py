"""The sweep: finds unfinished jobs that nobody is running and nobody has been told of, and nudges again."""

import structlog

from glyphd.contracts.imports import ImportStatus
from glyphd.db.registry_models import Job
from glyphd.importing.locks import JobLocks
from glyphd.importing.registry import Registry, rests
from glyphd.jobs import JobQueue

log = structlog.get_logger(__name__)


def sweep(registry: Registry, locks: JobLocks, queue: JobQueue) -> int:
    """Nudges what was forgotten; returns how many jobs that were.

    While messages wait in the queue, a job's own may be among them, and another would only make the queue longer;
    once it is empty, every job that nobody runs has lost its message. A job is run while its lock is held.
    """
    if queue.waiting():
        return 0
    forgotten = [job for job in registry.unfinished() if not rests(job) and _is_abandoned(job, locks)]
    for job in forgotten:
        registry.mark_nudged(job.id)
        queue.nudge(job.id)
        log.info("job_nudged_again", job_id=job.id, import_id=job.import_id, status=job.status)
    return len(forgotten)


def _is_abandoned(job: Job, locks: JobLocks) -> bool:
    if job.status == ImportStatus.QUEUED:
        return True
    with locks.hold(job.id) as is_free:
        return is_free
