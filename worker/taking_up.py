"""Runs jobs: those with a message, and in a sweep the forgotten ones. Without a usable queue the
sweep runs them itself."""

import time
from math import inf
from threading import Lock
from typing import Any

import structlog

from glyphd.importing.claims import rests
from glyphd.importing.recovery import sweep
from glyphd.jobs import JobQueue, open_queue
from worker.context import WorkerContext
from worker.run_job import run_job

FIRST_POLL_SECONDS = 0.05
LONGEST_POLL_SECONDS = 2.0
"""Both storages wait for messages themselves; Huey sleeps only after an error, and logs it each
time."""

BUSY_SECONDS = 1.0
LOOK_AGAIN_SECONDS = 0.5
"""How often a worker without a queue looks for jobs, and whether the queue can be used again."""

log = structlog.get_logger(__name__)


class TakingUp:
    """The queue's consumer and the sweep of one worker. Only one job runs at a time, whichever of
    them found it."""

    def __init__(self, context: WorkerContext) -> None:
        self._context = context
        self._turn = Lock()
        self._ended = -inf
        self._queue = open_queue(context.services.settings, self._run)
        self._consumer = _consumer(self._queue, context.services.settings.grace_seconds)

    def start(self) -> None:
        self._consumer.start()

    def is_busy(self) -> bool:
        """Whether a job is running, or was a moment ago, so that another one may follow."""
        return self._turn.locked() or time.monotonic() - self._ended < BUSY_SECONDS

    def check_health(self) -> None:
        """Starts the consumer's thread again if it died."""
        self._consumer.check_worker_health()

    def stop(self) -> None:
        """Stops when the current job has ended, within the grace period."""
        self._consumer.stop(graceful=True)

    def sweep(self) -> None:
        """Sends a message for every forgotten job. While the queue can't be used, it runs them
        itself."""
        if self._is_usable("queue_unusable"):
            sweep(self._context.services.registry, self._context.services.locks, self._queue)
            return
        while not self._context.stopping.wait(LOOK_AGAIN_SECONDS):
            self._run_unfinished()
            if self._is_usable():
                log.info("queue_usable_again")
                return

    def _is_usable(self, event: str | None = None) -> bool:
        try:
            self._queue.check_usable()
        except Exception as error:  # noqa: BLE001
            # Jobs are run without the queue, regardless of what is wrong with it.
            if event is not None:
                log.warning(event, reason=str(error))
            return False
        return True

    def _run_unfinished(self) -> None:
        for job in self._context.services.registry.unfinished():
            if self._context.stopping.is_set():
                return
            if not rests(job):
                self._run(job.id)

    def _run(self, job_id: int) -> None:
        with self._turn:
            run_job(self._context, job_id)
            self._ended = time.monotonic()


def _consumer(queue: JobQueue, grace_seconds: float) -> Any:
    return queue.huey.create_consumer(
        workers=1,
        worker_type="thread",
        periodic=False,
        initial_delay=FIRST_POLL_SECONDS,
        max_delay=LONGEST_POLL_SECONDS,
        shutdown_timeout=grace_seconds,
    )
