"""Delays an answer until an import ends or an event occurs, without blocking other requests."""

import time
from collections.abc import Callable
from threading import BoundedSemaphore
from typing import TypeVar

from glyphd.contracts.import_contracts import ImportStatus
from glyphd.db.registry_models import Job
from glyphd.importing.registry import Registry

LONGEST_SECONDS = 45
"""Proxies end an idle connection: nginx and Apache after 60 seconds, HAProxy often after 50."""

FIRST_PAUSE_SECONDS = 0.005
LONGEST_PAUSE_SECONDS = 0.1
LONGER = 1.15
"""The growth of each pause: an answer is late by at most a sixth of the time waited."""

Found = TypeVar("Found")


def nobody_leaves() -> bool:
    return False


class Waiting:
    """At most half of the threads can wait, and none longer than usual proxies allow; further
    requests are answered immediately.

    `has_left` returns, in the waiting thread, whether its client has closed the connection.
    """

    def __init__(
        self, registry: Registry, threads: int, has_left: Callable[[], bool] = nobody_leaves
    ) -> None:
        self.registry = registry
        self._has_left = has_left
        self._places = BoundedSemaphore(max(threads // 2, 1))

    def until_final(self, job: Job, seconds: float) -> Job:
        """The job when it has ended, or when the time is up; immediately if no worker is alive."""
        if seconds <= 0 or not self.registry.workers_alive():
            return job
        return self._hold_job(job, seconds, lambda now: ImportStatus(now.status).is_final)

    def until_changed(self, job: Job, seconds: float) -> Job:
        """The job when its status has changed, or when the time is up; immediately if the status is
        final."""
        if seconds <= 0 or ImportStatus(job.status).is_final:
            return job
        return self._hold_job(job, seconds, lambda now: now.status != job.status)

    def until_found(self, look: Callable[[], Found], seconds: float) -> Found:
        """What `look` returns, as soon as it is truthy or when the time is up."""
        found = look()
        return found if found or seconds <= 0 else self._hold(look, seconds, bool)

    def _hold_job(self, job: Job, seconds: float, is_over: Callable[[Job], bool]) -> Job:
        return self._hold(lambda: self.registry.job(job.id) or job, seconds, is_over)

    def _hold(
        self, look: Callable[[], Found], seconds: float, is_over: Callable[[Found], bool]
    ) -> Found:
        if not self._places.acquire(blocking=False):
            return look()
        try:
            deadline = time.monotonic() + min(seconds, LONGEST_SECONDS)
            return self._poll(look, deadline, is_over)
        finally:
            self._places.release()

    def _poll(
        self, look: Callable[[], Found], deadline: float, is_over: Callable[[Found], bool]
    ) -> Found:
        """Also ends if the client has disconnected."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            found = look()
            left = deadline - time.monotonic()
            if is_over(found) or left <= 0 or self._has_left():
                return found
            time.sleep(min(pause, left))
            pause = min(pause * LONGER, LONGEST_PAUSE_SECONDS)
