"""The request to stop a process, and how much time is left for it."""

import os
import signal
import time
from threading import Event, Thread

LAST_SECONDS = 3.0
"""What the last part of a service gets in any case, however much time the others took."""

_BLOCK_BYTES = 4096


class Stop:
    """When it was asked for, by SIGTERM or SIGINT. All parts of a service share one grace
    period."""

    def __init__(self) -> None:
        self.asked = Event()
        self._since = 0.0

    def on_signals(self) -> None:
        """From now on these signals ask for it. To be called in the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.ask)

    def with_parent(self) -> None:
        """It is also asked for when the parent ends for any reason: the parent has the other end of
        stdin."""
        Thread(target=self._watch_parent, name="parent-watch", daemon=True).start()

    def ask(self, *_: object) -> None:
        self._since = self._since or time.monotonic()
        self.asked.set()

    def seconds_left(self, grace_seconds: float) -> float:
        """What is left of the grace period, a short time at least."""
        passed = time.monotonic() - self._since if self._since else 0.0
        return max(grace_seconds - passed, LAST_SECONDS)

    def _watch_parent(self) -> None:
        while os.read(0, _BLOCK_BYTES):
            pass
        self.ask()
