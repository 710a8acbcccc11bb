"""The sweep: finds unfinished jobs that nobody runs and that no message leads a worker to, and sends a new message."""

from datetime import UTC, datetime, timedelta

import structlog

from glyphd.contracts.imports import ImportStatus
from glyphd.db.registry_models import Job
from glyphd.importing.locks import JobLocks
from glyphd.importing.registry import Registry, rests
from glyphd.jobs import JobQueue
from glyphd.times import now_text, utc_text

MESSAGE_SECONDS = 30
"""While messages wait, an orphan's own message may be among them for this long. Then it counts as lost."""

log = structlog.get_logger(__name__)


def sweep(registry: Registry, locks: JobLocks, queue: JobQueue) -> int:
    """Sends a message for each job that was forgotten; returns how many jobs that were.

    A job is run while its lock is held. One that is `running` with a free lock is an orphan: its worker died. It goes
    before all others, since it waited its turn already. A queued job is forgotten only once the queue is empty: while
    messages wait, its own may be among them, and another would only make the queue longer.
    """
    are_waiting = bool(queue.waiting())
    forgotten = [job for job in registry.unfinished() if not rests(job) and _is_forgotten(job, locks, are_waiting)]
    for job in forgotten:
        registry.mark_nudged(job.id)
        queue.nudge(job.id, is_urgent=job.status == ImportStatus.RUNNING)
        log.info("job_nudged_again", job_id=job.id, import_id=job.import_id, status=job.status)
    return len(forgotten)


def _is_forgotten(job: Job, locks: JobLocks, are_waiting: bool) -> bool:
    if job.status == ImportStatus.QUEUED:
        return not are_waiting
    if are_waiting and _has_message(job):
        return False
    with locks.hold(job.id) as is_free:
        return is_free


def _has_message(job: Job) -> bool:
    """Whether a message was sent for the job since it was last run, not long ago."""
    oldest = utc_text(datetime.now(UTC) - timedelta(seconds=MESSAGE_SECONDS))
    sent_at = job.nudged_at or ""
    return max(oldest, job.heartbeat_at or "") < sent_at <= now_text()
