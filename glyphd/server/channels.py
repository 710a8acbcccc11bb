"""One connection: how it ends, and when it has been slow for too long."""

import select
import socket
import time
from contextlib import suppress

from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel

from glyphd.api.refusals import Present, as_it_is
from glyphd.api.weights import Asked, Weight, weight_of
from glyphd.server.admission import Admission
from glyphd.server.answers import AnswerTask, ProblemTask
from glyphd.server.limits import ServerLimits
from glyphd.server.parsing import RequestParser

# What says that the other end is gone. Not every system reports a connection of which only their half is closed.
_LEFT = select.POLLHUP | select.POLLERR | select.POLLNVAL | getattr(select, "POLLRDHUP", 0)


class Channel(HTTPChannel):
    """A connection of waitress's, which has one request in hand at a time.

    All runs on the loop's thread but for `send_pending`, `send` and `has_left`; `draining` is read by all.
    """

    task_class = AnswerTask
    error_task_class = ProblemTask
    limits: ServerLimits
    draining = False  # set on the class: answers begun from then on say `Connection: close`

    weight = Weight.LIGHT
    present = staticmethod(as_it_is)  # how a refusal is shown

    _lingering_since: float | None = None
    _activity = 0.0
    _active_at = 0.0
    _following = b""  # what has come behind the request in hand
    _sent_bytes = 0
    _sending_since: float | None = None
    _sent_before = 0

    def received(self, data: bytes) -> bool:
        return False if self._lingering_since is not None else super().received(data)

    def put_off(self, data: bytes) -> None:
        """Keeps what follows a complete request until that one is answered and its answer is sent.

        waitress would begin with the next request while the reader still has the last answer before it: a thread
        would wait for that reader, for ever if need be.
        """
        self._following = data

    def weigh(self) -> None:
        """Finds out the weight of the request in hand."""
        request = self.requests[0]
        assert isinstance(request, RequestParser)
        if request.error:
            self.weight = Weight.PROBE  # refused already: answered from memory
        else:
            asked = Asked(request.method, request.path, request.query, request.content_length)
            self.weight = weight_of(asked)

    def has_left(self) -> bool:
        """Whether the client has closed the connection, or its half of it. For the thread that answers."""
        try:
            poll = select.poll()
            poll.register(self.socket or -1, _LEFT)
            return bool(poll.poll(0))
        except (OSError, ValueError):
            return True  # the loop has closed it meanwhile

    def send(self, data: bytes, do_close: bool = True) -> int:
        sent: int = super().send(data, do_close=do_close)
        self._sent_bytes += sent
        return sent

    def readable(self) -> bool:
        return not self._following and bool(super().readable())

    def writable(self) -> bool:
        return self._may_go_on or bool(super().writable())

    def handle_write(self) -> None:
        """Sends what is pending; after a last answer the connection is shut for writing and read on for a while."""
        if self._may_go_on:
            following, self._following = self._following, b""
            self.received(following)
            return
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
            return "answer_unread" if idle else self._answer_overdue(now)
        self._sending_since = None
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

    def _answer_overdue(self, now: float) -> str | None:
        """A reader may begin late, but has to read at a least rate, and faster the more there is to read."""
        if self._sending_since is None:
            self._sending_since, self._sent_before = now, self._sent_bytes
        sent = self._sent_bytes - self._sent_before
        whole = sent + self.total_outbufs_len
        rate = max(self.limits.min_read_rate, whole / self.limits.longest_answer_seconds)
        due = rate * (now - self._sending_since - self.limits.idle_timeout)
        return "answer_read_too_slowly" if sent < due else None

    @property
    def _may_go_on(self) -> bool:
        """Whether what followed the last request is due: its answer is sent, and no answer was the last one."""
        in_hand = self.requests or self.total_outbufs_len
        return bool(self._following) and not (in_hand or self.will_close or self.close_when_flushed)

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


def channel_class(admission: Admission, present: Present = as_it_is) -> type[Channel]:
    """The connections of one server. waitress makes channels and parsers itself: what they need stands in the class."""
    shared, presenting = admission, present

    class ServerParser(RequestParser):
        admission = shared

    class ServerChannel(Channel):
        limits = shared.limits
        present = staticmethod(presenting)

        def parser_class(self, adj: Adjustments) -> ServerParser:  # type: ignore[override]  # waitress calls it
            parser = ServerParser(adj)
            parser.peer = self.addr[0]
            parser.put_off = self.put_off
            return parser

    return ServerChannel
