"""One connection: how it ends, and when it has been slow for too long."""

import socket
import time
from contextlib import suppress

from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel

from glyphd.server.admission import Admission
from glyphd.server.answers import AnswerTask, ProblemTask
from glyphd.server.limits import ServerLimits
from glyphd.server.parsing import RequestParser


class Channel(HTTPChannel):
    """A connection of waitress's. All runs on the loop's thread but for `send_pending`; `draining` is read by all."""

    task_class = AnswerTask
    error_task_class = ProblemTask
    limits: ServerLimits
    draining = False  # set on the class: answers begun from then on say `Connection: close`

    _lingering_since: float | None = None
    _activity = 0.0
    _active_at = 0.0

    def received(self, data: bytes) -> bool:
        return False if self._lingering_since is not None else super().received(data)

    def handle_write(self) -> None:
        """Sends what is pending; after a last answer the connection is shut for writing and read on for a while."""
        last = self.close_when_flushed
        if last:  # only then: the thread that answers may be setting it at this very moment
            self.close_when_flushed = False
        super().handle_write()
        if last and self.connected:
            if self.total_outbufs_len:
                self.close_when_flushed = True
            else:
                self._linger()

    def handle_close(self) -> None:
        super().handle_close()
        # Finished requests are closed by the thread that serves them; the one still coming in is known only here.
        if self.request is not None:
            self.request.close()

    def send_pending(self) -> None:
        """Sends what an answer has left, from the thread that made it: the loop would need another turn for it."""
        with self.outbuf_lock:
            if self.connected and self.total_outbufs_len:
                self._flush_exception(self._flush_some, do_close=False)  # type: ignore[attr-defined]

    @property
    def busy(self) -> bool:
        """Whether a request is coming in or being answered, or its answer is not yet sent."""
        return bool(self.requests or self.request or self.total_outbufs_len or self.close_when_flushed)

    def overdue(self, now: float) -> str | None:
        """Why this connection should be closed, at monotonic time `now`; None while it is in order."""
        if self._lingering_since is not None:
            return "lingered" if now - self._lingering_since > self.limits.linger_timeout else None
        if self.requests and not self.total_outbufs_len:
            # It is the app's turn. The client's time starts again when there is something to read.
            self._activity, self._active_at = self.last_activity, now
            return None
        idle = self._idle_seconds(now) > self.limits.idle_timeout
        if self.total_outbufs_len:
            return "answer_unread" if idle else None
        if isinstance(self.request, RequestParser):
            return self._incoming_overdue(self.request, now, idle)
        return "idle" if idle else None

    def _incoming_overdue(self, request: RequestParser, now: float, idle: bool) -> str | None:
        age = now - request.started
        if not request.headers_finished:
            return "headers_unfinished" if age > self.limits.header_timeout else None
        if idle:
            return "body_stalled"
        slow = request.body_bytes_received < self.limits.min_body_rate * age
        return "body_too_slow" if slow and age > self.limits.idle_timeout else None

    def _idle_seconds(self, now: float) -> float:
        """Seconds without a byte either way. waitress stamps by the wall clock, so only a change of stamp counts."""
        if self.last_activity != self._activity:
            self._activity, self._active_at = self.last_activity, now
        return now - self._active_at

    def _linger(self) -> None:
        """Says that no more comes and reads on: closed with bytes unread, the kernel would reset the connection, and
        a client still sending its body would never see why it was refused."""
        self._lingering_since = time.monotonic()
        if self.request is not None:
            self.request.close()
            self.request = None
        assert self.socket is not None
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)


def channel_class(admission: Admission) -> type[Channel]:
    """The connections of one server. waitress makes channels and parsers itself: what they need stands in the class."""
    shared = admission

    class ServerParser(RequestParser):
        admission = shared

    class ServerChannel(Channel):
        limits = shared.limits

        def parser_class(self, adj: Adjustments) -> ServerParser:  # type: ignore[override]  # waitress calls it
            parser = ServerParser(adj)
            parser.peer = self.addr[0]
            return parser

    return ServerChannel
