"""One connection: how it ends, and when it is too slow."""

import math
import select
import socket
import time
from contextlib import suppress
from typing import Any

from waitress.adjustments import Adjustments

from glyphd.api.refusals import Present, as_it_is
from glyphd.api.weights import RequestShape, Weight, weight_of
from glyphd.errors import Unavailable
from glyphd.server.admission import Admission
from glyphd.server.answering import AnswerTask, ProblemTask
from glyphd.server.limits import ServerLimits
from glyphd.server.paces import RecentPace
from glyphd.server.parsing import SMALL_BLOCK_BYTES, RequestParser
from glyphd.server.sharing import SharingChannel, Turn

# Events for a closed peer. Not every system reports a connection of which only the peer's half is
# closed.
_LEFT = select.POLLHUP | select.POLLERR | select.POLLNVAL | getattr(select, "POLLRDHUP", 0)

_NOTHING_ASKED, _BETWEEN_REQUESTS, _SLOW = range(3)
_ON_ITS_WAY_SECONDS = 0.1
_ANSWERABLE_SECONDS = 2
_FIRST_SECONDS = 1
_MOST_BLOCKS_OF_A_REST = 16


class Channel(SharingChannel):
    """A connection, which has one current request at a time.

    Everything runs on the loop's thread, except `send_pending`, `send` and `has_left`; `draining`
    is read by all threads.
    """

    task_class = AnswerTask
    error_task_class = ProblemTask
    limits: ServerLimits
    draining = False  # set on the class: answers that begin after that have `Connection: close`

    weight = Weight.LIGHT
    present = staticmethod(as_it_is)  # how a refusal is shown

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

    def received(self, data: bytes) -> bool:
        return False if self._lingering_since is not None else super().received(data)

    def put_off(self, data: bytes) -> None:
        """Keeps what follows a complete request until its answer is sent.

        waitress would begin with the next request while the client is still reading the last
        answer, and a thread would wait for that client, possibly forever.
        """
        self._following = data

    def weigh(self) -> None:
        """Determines the weight of the current request."""
        request = self.requests[0]
        assert isinstance(request, RequestParser)
        if request.error:
            self.weight = Weight.PROBE  # already refused: answered from memory
        else:
            asked = RequestShape(
                request.method,
                request.path,
                request.query,
                request.content_length,
                request.content_type,
            )
            self.weight = weight_of(asked)

    def turn_away(self) -> None:
        """Answers the current request with 503, from memory, because too many like it are
        waiting."""
        request = self.requests[0]
        assert isinstance(request, RequestParser)
        request.refuse(Unavailable("too many large answers are waiting; try again in a moment"))
        self.weight = Weight.PROBE

    def has_left(self) -> bool:
        """Whether the client has closed the connection or its half. For the thread that answers."""
        try:
            poll = select.poll()
            poll.register(self.socket or -1, _LEFT)
            return bool(poll.poll(0))
        except (OSError, ValueError):
            return True  # meanwhile closed by the loop

    def recv(self, buffer_size: int) -> bytes:
        request, most = self.request, SMALL_BLOCK_BYTES
        if isinstance(request, RequestParser):
            most = request.most_to_read(buffer_size)
        return bytes(super().recv(most))

    def send(self, data: bytes, do_close: bool = True) -> int:
        sent: int = super().send(data, do_close=do_close)
        self._sent_bytes += sent
        return sent

    def readable(self) -> bool:
        return not self._following and bool(super().readable())

    def writable(self) -> bool:
        return self._may_go_on or bool(super().writable())

    def handle_write(self) -> None:
        """Sends what is pending; after the last answer shuts down the writing half, and keeps
        reading."""
        if self._may_go_on:
            following, self._following = self._following, b""
            self.received(following)
            return
        # Like waitress, except for the end: it would close immediately if a thread has just decided
        # that this was the last answer, and unread data of the request would then reset the
        # connection before the client has its answer.
        if not self.requests:
            self._flush_exception(self._flush_some)  # type: ignore[attr-defined]
        elif self.total_outbufs_len >= self.adj.send_bytes:
            self._flush_exception(self._flush_some_if_lockable)  # type: ignore[attr-defined]
        if self.will_close:
            self.handle_close()
        elif self.close_when_flushed and not self.total_outbufs_len and self.connected:
            self.close_when_flushed = False
            self._linger()

    def handle_close(self) -> None:
        if self._lingering_since is not None:
            self._read_rest()
        super().handle_close()
        # Finished requests are closed by the thread that serves them; the one that is still
        # arriving is known only here.
        if self.request is not None:
            self.request.close()

    def send_pending(self) -> None:
        """Sends the rest of an answer from its thread, because the loop would need another turn."""
        with self.outbuf_lock:
            if self.connected and self.total_outbufs_len:
                self._flush_exception(self._flush_some, do_close=False)  # type: ignore[attr-defined]

    @property
    def busy(self) -> bool:
        """Whether a request is arriving or being answered, or its answer is not yet sent."""
        return bool(
            self.requests or self.request or self.total_outbufs_len or self.close_when_flushed
        )

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
        """Bytes a second that the reader of the answer takes; infinite at first: who has just begun
        is not slow."""
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

    def _linger(self) -> None:
        """Shuts down the writing half and keeps reading. If the connection were closed with unread
        bytes, the kernel would reset it, and a client that is still sending its body would never
        see why it was refused."""
        self._lingering_since = time.monotonic()
        if self.request is not None:
            self.request.close()
            self.request = None
        assert self.socket is not None
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def _read_rest(self) -> None:
        """Reads what the client sent before it closed its half, because the system reports both
        together."""
        with suppress(OSError):
            for _ in range(_MOST_BLOCKS_OF_A_REST):
                if not (self.socket and self.socket.recv(self.adj.recv_bytes)):
                    return


def channel_class(admission: Admission, present: Present = as_it_is) -> type[Channel]:
    """The class for the connections of one server. waitress creates channels and parsers itself, so
    what they need is in the class."""
    shared, presenting = admission, present

    class ServerParser(RequestParser):
        admission = shared

    class ServerChannel(Channel):
        limits = shared.limits
        turn = Turn()
        present = staticmethod(presenting)

        def parser_class(self, adj: Adjustments) -> ServerParser:  # type: ignore[override]  # waitress calls it
            parser = ServerParser(adj)
            parser.peer = self.addr[0]
            parser.put_off = self.put_off
            return parser

    return ServerChannel
