"""The current speed of a body or an answer."""


class RecentPace:
    """Bytes moved in the last complete time window.

    An average since the beginning would hide for a long time that a client stopped after a fast
    start.
    """

    def __init__(self, window_seconds: float) -> None:
        self._window_seconds = window_seconds
        self.restart()

    def restart(self) -> None:
        """Restarts for another body or answer."""
        self._began: float | None = None
        self._before = 0
        self.last: tuple[float, int] | None = None
        """The length of the last window, and the bytes moved in it; None before the first one is
        over."""

    def measure(self, now: float, count: int) -> None:
        """Records how many bytes have moved by `now`. Call it often."""
        if self._began is None:
            self._began, self._before = now, count
        elif now - self._began >= self._window_seconds:
            self.last = (now - self._began, count - self._before)
            self._began, self._before = now, count
