"""Keeps uploads from waiting for an unavailable queue."""

import time
from threading import Lock

REST_SECONDS = 5.0
"""How long no message is tried after one has failed: the worker looks for jobs without a message
just as often."""


class QueueBreaker:
    """After a failure it allows one try every REST_SECONDS, until one succeeds. Safe for several
    threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._next_try: float | None = None

    def lets_try(self) -> bool:
        """Whether the caller may use the queue now."""
        with self._lock:
            now = time.monotonic()
            if self._next_try is None:
                return True
            if now < self._next_try:
                return False
            self._next_try = now + REST_SECONDS
            return True

    def note_failure(self) -> bool:
        """Records a failure; returns whether it is the first one since the queue could be used."""
        with self._lock:
            is_first = self._next_try is None
            self._next_try = time.monotonic() + REST_SECONDS
            return is_first

    def note_success(self) -> bool:
        """Records a success; returns whether it is the first one after a failure."""
        with self._lock:
            is_first, self._next_try = self._next_try is not None, None
            return is_first
