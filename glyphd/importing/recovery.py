"""The sweep: finds unfinished jobs that nobody runs and that no message leads a worker to, and
sends a new message."""

from datetime import UTC, datetime, timedelta

import structlog

from glyphd.db.registry_models import Job
from glyphd.importing.claims import rests
from glyphd.importing.locks import JobLocks
from glyphd.importing.registry import Registry
from glyphd.jobs import JobQueue
from glyphd.times import now_text, utc_text

SENDING_SECONDS = 3
"""A job's row is committed before its message is sent; the message counts as lost only after this
long."""

log = structlog.get_logger(__name__)


def sweep(registry: Registry, locks: JobLocks, queue: JobQueue) -> int:
    """Sends a message for each job that was forgotten; returns how many jobs that were.

    A job is forgotten when no message in the queue leads to it and its lock is free: its worker
    died, it was handed back, or its message was lost. It goes before all others, since it has
    waited its turn already, however many messages wait.
    """
    unfinished = registry.unfinished()
    if not unfinished:
        return 0
    # In this order: a message that is taken in between belongs to a job whose lock is held by now.
    awaited = queue.waiting_jobs()
    forgotten = [job for job in unfinished if job.id not in awaited and _is_forgotten(job, locks)]
    for job in forgotten:
        registry.mark_nudged(job.id)
        queue.nudge(job.id, is_urgent=True)
        log.info("job_renotified", job_id=job.id, import_id=job.import_id, status=job.status)
    return len(forgotten)


def _is_forgotten(job: Job, locks: JobLocks) -> bool:
    if rests(job) or _is_being_sent(job):
        return False
    with locks.hold(job.id) as is_free:
        return is_free


def _is_being_sent(job: Job) -> bool:
    """Whether its first message may not have come yet. A time in the future is from before the
    clock was set."""
    oldest = utc_text(datetime.now(UTC) - timedelta(seconds=SENDING_SECONDS))
    return not job.attempt and oldest < (job.nudged_at or "") <= now_text()
