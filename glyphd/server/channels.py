"""One connection: how it ends, and when it has been slow for too long."""

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

# What says that the other end is gone. Not every system reports a connection of which only their
# half is closed.
_LEFT = select.POLLHUP | select.POLLERR | select.POLLNVAL | getattr(select, "POLLRDHUP", 0)

_NOTHING_ASKED, _BETWEEN_REQUESTS, _SLOW = range(3)
_ON_ITS_WAY_SECONDS = 0.1
_ANSWERABLE_SECONDS = 2
_FIRST_SECONDS = 1
_MOST_BLOCKS_OF_A_REST = 16


class Channel(SharingChannel):
    """A connection, which has one current request at a time.

    All runs on the loop's thread but for `send_pending`, `send` and `has_left`; `draining` is read
    by all.
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
    _following = b""  # what has arrived after the current request
    _sent_bytes = 0
    _sending_since: float | None = None
    _sent_before = 0

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        # The system takes some MiB at once for a reader that takes none: a short window would often
        # be empty.
        self._reading = RecentPace(self.limits.fair_seconds)

    def received(self, data: bytes) -> bool:
        return False if self._lingering_since is not None else super().received(data)

    def put_off(self, data: bytes) -> None:
        """Keeps what follows a complete request until that one is answered and its answer is sent.

        waitress would begin with the next request while the reader still has the last answer before
        it: a thread would wait for that reader, for ever if need be.
        """
        self._following = data

    def weigh(self) -> None:
        """Finds out the weight of the current request."""
        request = self.requests[0]
        assert isinstance(request, RequestParser)
        if request.error:
            self.weight = Weight.PROBE  # refused already: answered from memory
        else:
            asked = RequestShape(
                request.method, request.path, request.query, request.content_length
            )
            self.weight = weight_of(asked)

    def turn_away(self) -> None:
        """Has the current request answered with 503, from memory: too many like it are waiting."""
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
            return True  # the loop has closed it meanwhile

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
        """Sends what is pending; after a last answer shuts the writing half, and reads on."""
        if self._may_go_on:
            following, self._following = self._following, b""
            self.received(following)
            return
        # As waitress does, but for the end: it would close at once where a thread says just now
        # that this was the last answer, and what of the request is unread then resets the
        # connection, before the client has its answer.
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
        # Finished requests are closed by the thread that serves them; the one still coming in is
        # known only here.
        if self.request is not None:
            self.request.close()

    def send_pending(self) -> None:
        """Sends the rest of an answer from its thread: the loop would need another turn."""
        with self.outbuf_lock:
            if self.connected and self.total_outbufs_len:
                self._flush_exception(self._flush_some, do_close=False)  # type: ignore[attr-defined]

    @property
    def busy(self) -> bool:
        """Whether a request is coming in or being answered, or its answer is not yet sent."""
        return bool(
            self.requests or self.request or self.total_outbufs_len or self.close_when_flushed
        )

    def overdue(self, now: float) -> str | None:
        """Why to close this connection, at monotonic time `now`; None while it is in order."""
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
        self._reading.restart()
        if isinstance(self.request, RequestParser):
            return self._incoming_overdue(self.request, now, idle)
        return "idle" if idle else None

    def rank_to_close(self, now: float) -> tuple[int, float] | None:
        """Which connection is closed first when there are too many: the one with the least rank;
        None: not this one.

        First those that have asked nothing yet, or are already answered for the last time; then
        those between two requests; both by how long. Then bodies that come in slowly and answers
        that are read slowly, by their pace. Never one whose request is being answered.
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
        """None for a moment: the request may be on its way."""
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
            # Whoever sends on is answered; this one would keep its file without a place.
            is_silent = now - request.place.withdrawn_at > _ANSWERABLE_SECONDS
            return "upload_gave_way" if is_silent else None
        slow = request.body_bytes_received < self.limits.due_body_bytes(request.announced, age)
        return "body_too_slow" if slow and age > self.limits.idle_timeout else None

    def _answer_overdue(self, now: float) -> str | None:
        """A reader may begin late, but must read at a least rate: the more, the faster."""
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
        """Whether what followed the last request is due: its answer is sent, and no answer was the
        last one."""
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
        """Seconds without a byte. waitress stamps by the wall clock: only changes count."""
        if self.last_activity != self._activity:
            self._activity, self._active_at = self.last_activity, now
        return now - self._active_at

    def _linger(self) -> None:
        """Says that no more comes and reads on: closed with bytes unread, the kernel would reset
        the connection, and a client still sending its body would never see why it was refused."""
        self._lingering_since = time.monotonic()
        if self.request is not None:
            self.request.close()
            self.request = None
        assert self.socket is not None
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def _read_rest(self) -> None:
        """Takes what the client sent before it closed its half: the system reports both at once."""
        with suppress(OSError):
            for _ in range(_MOST_BLOCKS_OF_A_REST):
                if not (self.socket and self.socket.recv(self.adj.recv_bytes)):
                    return


def channel_class(admission: Admission, present: Present = as_it_is) -> type[Channel]:
    """The connections of one server. waitress makes channels and parsers itself: what they need is
    in the class."""
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
