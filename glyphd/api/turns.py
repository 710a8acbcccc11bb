"""Taking turns: short computations of several threads, one after another."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

LONGEST_WAIT_SECONDS = 0.05


class Turns:
    """One thread at a time has its turn.

    SQLite releases Python's lock for each row, and threads that fetch at the same time spend more
    time on passing that lock than on their rows. A thread does not wait long for its turn: a query
    that must search the whole archive may delay other threads, but not block them.
    """

    def __init__(self) -> None:
        self._lock = Lock()

    @contextmanager
    def take(self) -> Iterator[None]:
        """Waits for the turn, or begins without it after a while."""
        taken = self._lock.acquire(timeout=LONGEST_WAIT_SECONDS)
        try:
            yield
        finally:
            if taken:
                self._lock.release()
