"""Log lines about recurring trouble: two for all of it, however often it occurs."""

import structlog

# Trouble that has not recurred for this long is over.
_OVER_SECONDS = 10

log = structlog.get_logger(__name__)


class Bout:
    """Recurring trouble: one line when it begins, and one when it is over."""

    def __init__(self, event: str) -> None:
        self._event, self._event_over = event, f"{event}_over"
        self._last: float | None = None
        self._closed = 0

    def note(self, now: float, closed: int = 0, **facts: object) -> None:
        """It occurred now, and this many connections were closed because of it."""
        if self._last is None:
            log.warning(self._event, **facts)
        self._last = now
        self._closed += closed

    def look(self, now: float) -> None:
        if self._last is not None and now - self._last > _OVER_SECONDS:
            log.info(self._event_over, connections_closed=self._closed)
            self._last, self._closed = None, 0
