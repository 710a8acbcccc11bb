"""The sweep: finds unfinished jobs that no worker runs and that have no message, and sends a new
message."""

from datetime import timedelta

import structlog

from glyphd.db.registry_models import Job
from glyphd.importing.claims import rests
from glyphd.importing.locks import JobLocks
from glyphd.importing.registry import Registry
from glyphd.jobs import JobQueue
from glyphd.times import now_text, utc_now, utc_text

SENDING_SECONDS = 3
"""A job's row is committed before its message is sent; the message counts as lost only after this
long."""

log = structlog.get_logger(__name__)


def sweep(registry: Registry, locks: JobLocks, queue: JobQueue) -> int:
    """Sends a message for each forgotten job; returns their number.

    A job is forgotten if it has no message in the queue and its lock is free: its worker died, it
    was requeued, or its message was lost. Its message precedes all others, because it has already
    waited for its turn.
    """
    unfinished = registry.unfinished()
    if not unfinished:
        return 0
    # In this order, because a message that is received in between belongs to a job whose lock is
    # then held.
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
    """Whether its first message may still be on its way. A time in the future means that the clock
    was set back."""
    oldest = utc_text(utc_now() - timedelta(seconds=SENDING_SECONDS))
    return not job.attempt and oldest < (job.nudged_at or "") <= now_text()
