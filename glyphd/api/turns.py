"""Taking turns: short computations of several threads, one after another."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

LONGEST_WAIT_SECONDS = 0.05


class Turns:
    """One thread at a time does what it does in its turn.

    SQLite is asked for each row without Python's lock, and threads that fetch at the same time
    spend more on handing that lock to and fro than on their rows. A turn is not waited for for
    long: a query that has to search the whole archive may hold up the others, but not stop them.
    """

    def __init__(self) -> None:
        self._lock = Lock()

    @contextmanager
    def take(self) -> Iterator[None]:
        """Waits for the turn, or begins without it when it does not come."""
        taken = self._lock.acquire(timeout=LONGEST_WAIT_SECONDS)
        try:
            yield
        finally:
            if taken:
                self._lock.release()
