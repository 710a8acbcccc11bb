"""One connection: its requests one after another, and how it ends."""

import select
import socket
import time
from contextlib import suppress

from waitress.adjustments import Adjustments

from glyphd.api.refusals import Present, as_it_is
from glyphd.api.weights import RequestShape, Weight, weight_of
from glyphd.errors import Unavailable
from glyphd.server.admission import Admission
from glyphd.server.answering import AnswerTask, ProblemTask
from glyphd.server.parsing import SMALL_BLOCK_BYTES, RequestParser
from glyphd.server.sharing import Turn
from glyphd.server.timed_channels import TimedChannel

# Events for a closed peer. Not every system reports a connection of which only the peer's half is
# closed.
_LEFT = select.POLLHUP | select.POLLERR | select.POLLNVAL | getattr(select, "POLLRDHUP", 0)

_MOST_BLOCKS_OF_A_REST = 16


class Channel(TimedChannel):
    """A connection, which has one current request at a time.

    Everything runs on the loop's thread, except `send_pending`, `send` and `has_left`; `draining`
    is read by all threads.
    """

    task_class = AnswerTask
    error_task_class = ProblemTask
    draining = False  # set on the class: answers that begin after the stop have `Connection: close`

    weight = Weight.LIGHT
    is_turned_away = False  # its last request was refused because too many like it are waiting
    present = staticmethod(as_it_is)  # how a refusal is shown

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
        self.is_turned_away = True

    def has_left(self) -> bool:
        """Whether the client has closed the connection or its half. For the thread that answers."""
        try:
            poll = select.poll()
            poll.register(self.socket or -1, _LEFT)
            return bool(poll.poll(0))
        except (OSError, ValueError):
            return True  # closed by the loop meanwhile

    def recv(self, buffer_size: int) -> bytes:
        request, most = self.request, SMALL_BLOCK_BYTES
        if isinstance(request, RequestParser):
            most = request.most_to_read(buffer_size)
        return bytes(super().recv(most))

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
    their dependencies are class attributes."""
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
