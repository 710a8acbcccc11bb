"""When a connection is too slow, and which are closed first when there are too many."""

import math
import time
from typing import Any

from glyphd.server.limits import ServerLimits
from glyphd.server.paces import RecentPace
from glyphd.server.parsing import RequestParser
from glyphd.server.sharing import SharingChannel

_NOTHING_ASKED, _BETWEEN_REQUESTS, _SLOW = range(3)
_ON_ITS_WAY_SECONDS = 0.1
_ANSWERABLE_SECONDS = 2
_FIRST_SECONDS = 1


class TimedChannel(SharingChannel):
    """A connection that records what it has sent, since when, and when data last came from its
    client.

    Everything runs on the loop's thread, except `send`.
    """

    limits: ServerLimits

    _lingering_since: float | None = None
    _activity = 0.0
    _active_at = 0.0
    _following = b""  # data received after the current request
    _sent_bytes = 0
    _sending_since: float | None = None
    _sent_before = 0

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        # The system buffers some MiB even if the client reads nothing, so a short window would
        # often be empty.
        self._reading = RecentPace(self.limits.fair_seconds)

    def send(self, data: bytes, do_close: bool = True) -> int:
        sent: int = super().send(data, do_close=do_close)
        self._sent_bytes += sent
        return sent

    def overdue(self, now: float) -> str | None:
        """Why to close this connection, at monotonic time `now`; None if there is no reason."""
        if self._lingering_since is not None:
            return "lingered" if now - self._lingering_since > self.limits.linger_timeout else None
        if self.requests and not self.total_outbufs_len:
            # The app is working. The client's time starts again when there is something to read.
            self._activity, self._active_at = self.last_activity, now
            return None
        idle = self._idle_seconds(now) > self.limits.idle_timeout
        if self.total_outbufs_len:
            return "answer_unread" if idle else self._answer_overdue(now)
        self._sending_since = None
        self._reading.restart()
        if isinstance(self.request, RequestParser):
            return self._incoming_overdue(self.request, now, idle)
        return "idle" if idle else None

    def rank_to_close(self, now: float) -> tuple[int, float] | None:
        """The rank by which connections are closed when there are too many, the lowest first; None:
        never.

        First come those without a request yet, or after their last answer; then those between two
        requests; both by duration. Then slow bodies and slowly read answers, by their pace. A
        connection whose request is being answered is never closed.
        """
        if self._lingering_since is not None:
            return (_NOTHING_ASKED, self._lingering_since)
        if self.requests or self._may_go_on:
            return None
        if self.total_outbufs_len:
            return self._rank_if_slow(self._reading)
        if isinstance(self.request, RequestParser):
            return self._rank_incoming(self.request, now)
        since = now - self._idle_seconds(now)
        return self._rank_if_idle(
            _BETWEEN_REQUESTS if self._sent_bytes else _NOTHING_ASKED, now, since
        )

    def _rank_incoming(self, request: RequestParser, now: float) -> tuple[int, float] | None:
        if request.headers_finished:
            return self._rank_if_slow(request.pace)
        return self._rank_if_idle(_NOTHING_ASKED, now, request.started)

    def _rank_if_idle(self, rank: int, now: float, since: float) -> tuple[int, float] | None:
        """None for a short time, because the request may be on its way."""
        return (rank, since) if now - since >= _ON_ITS_WAY_SECONDS else None

    def _rank_if_slow(self, pace: RecentPace) -> tuple[int, float] | None:
        if pace.last is None:
            return None
        seconds, count = pace.last
        return (_SLOW, count / seconds) if self.limits.is_slow(count, seconds) else None

    def _incoming_overdue(self, request: RequestParser, now: float, idle: bool) -> str | None:
        age = now - request.started
        if not request.headers_finished:
            return "headers_unfinished" if age > self.limits.header_timeout else None
        request.pace.measure(now, request.body_bytes_received)
        if idle:
            return "body_stalled"
        if request.place and request.place.withdrawn_at is not None:
            # A client that keeps sending gets an answer; this one would keep its file without a
            # place.
            is_silent = now - request.place.withdrawn_at > _ANSWERABLE_SECONDS
            return "upload_gave_way" if is_silent else None
        slow = request.body_bytes_received < self.limits.due_body_bytes(request.announced, age)
        return "body_too_slow" if slow and age > self.limits.idle_timeout else None

    def _answer_overdue(self, now: float) -> str | None:
        """A client may begin to read late, but must read at a minimum rate, which is higher for
        larger answers."""
        if self._sending_since is None:
            self._sending_since, self._sent_before = now, self._sent_bytes
        self._reading.measure(now, self._sent_bytes)
        sent = self._sent_bytes - self._sent_before
        whole = sent + self.total_outbufs_len
        rate = max(self.limits.min_read_rate, whole / self.limits.longest_answer_seconds)
        due = rate * (now - self._sending_since - self.limits.idle_timeout)
        return "answer_read_too_slowly" if sent < due else None

    @property
    def _may_go_on(self) -> bool:
        """Whether data after the last request can be processed: its answer is sent, and it was not
        the last one."""
        in_hand = self.requests or self.total_outbufs_len
        return bool(self._following) and not (in_hand or self.will_close or self.close_when_flushed)

    @property
    def pace(self) -> float:
        """Bytes per second that the reader of the answer takes; infinite at first, because a reader
        that has just begun is not slow."""
        now = time.monotonic()
        seconds = now - (now if self._sending_since is None else self._sending_since)
        if seconds < _FIRST_SECONDS:
            return math.inf
        return (self._sent_bytes - self._sent_before) / seconds

    def _idle_seconds(self, now: float) -> float:
        """Seconds without a byte. waitress's time stamps use the wall clock, so only changes
        count."""
        if self.last_activity != self._activity:
            self._activity, self._active_at = self.last_activity, now
        return now - self._active_at
