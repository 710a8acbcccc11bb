"""Notifies a worker by a message, which may be lost because the job's row is committed before it is
sent."""

from collections.abc import Callable

import structlog

from glyphd.db.registry_models import Job
from glyphd.jobs import JobQueue

log = structlog.get_logger(__name__)


def nudge(queue: Callable[[], JobQueue], job: Job) -> None:
    """Notifies a worker of the job. Never raises: if the message is lost, the worker's sweep finds
    the job."""
    try:
        queue().nudge(job.id)
    except Exception:
        log.warning("notification_failed", import_id=job.import_id, exc_info=True)
