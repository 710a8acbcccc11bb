"""The request to stop a process, and the time that is left for stopping."""

import os
import signal
import time
from threading import Event, Thread

LAST_SECONDS = 3.0
"""The least time that the last part of a service gets, however much time the others took."""

_BLOCK_BYTES = 4096


class Stop:
    """When the stop was requested, by SIGTERM or SIGINT. All parts of a service share one grace
    period."""

    def __init__(self) -> None:
        self.asked = Event()
        self._since = 0.0

    def on_signals(self) -> None:
        """From now on these signals request the stop. Call it in the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.ask)

    def with_parent(self) -> None:
        """The end of the parent, for any reason, also requests the stop: the parent has the other
        end of stdin."""
        Thread(target=self._watch_parent, name="parent-watch", daemon=True).start()

    def ask(self, *_: object) -> None:
        self._since = self._since or time.monotonic()
        self.asked.set()

    def seconds_left(self, grace_seconds: float) -> float:
        """The rest of the grace period, at least a short time."""
        passed = time.monotonic() - self._since if self._since else 0.0
        return max(grace_seconds - passed, LAST_SECONDS)

    def _watch_parent(self) -> None:
        while os.read(0, _BLOCK_BYTES):
            pass
        self.ask()
