"""The request parser: waitress's, with admission when the headers are complete, and with stricter
checks."""

import time
from collections.abc import Callable
from contextlib import suppress

from waitress.adjustments import Adjustments
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.receiver import FixedStreamReceiver

from glyphd.api.access import RequestHead
from glyphd.disk import named_trouble
from glyphd.errors import GlyphdError
from glyphd.server.admission import Admission, Arrival
from glyphd.server.chunks import ChunkReceiver
from glyphd.server.early_problems import Refusal
from glyphd.server.heads import closes, read_head, require_one_meaning
from glyphd.server.limits import SMALL_BODY_BYTES
from glyphd.server.paces import RecentPace
from glyphd.server.places import UploadPlace
from glyphd.server.spools import BodyBuffer

# A moving body arrives all the time.
_PACE_SECONDS = 0.5
# Heads and the lines between chunks are parsed in small blocks, which take a millisecond or two at
# worst.
SMALL_BLOCK_BYTES = 2 * 1024


class RequestParser(HTTPRequestParser):
    """One request while it arrives. `close` must be called when it is dropped, otherwise its place
    among the uploads stays taken."""

    admission: Admission
    # Known even if the request is invalid: answers to HEAD have no body, and waitress logs the
    # path.
    method = ""
    path = ""
    query = ""
    peer = ""
    closed = False
    put_off: Callable[[bytes], None]  # takes what follows this request once it is complete
    place: UploadPlace | None = None
    is_unread = False  # answered by the application without its body
    _decided = False
    _buffer: BodyBuffer | None = None

    def __init__(self, adj: Adjustments) -> None:
        super().__init__(adj)
        self.started = time.monotonic()
        self.pace = RecentPace(_PACE_SECONDS)

    def received(self, data: bytes) -> int:
        """Returns how many of the bytes belong to this request; all if it was refused, because what
        follows is its body."""
        if self.closed:
            return len(data)
        try:
            self._make_room(len(data))
            consumed = self._take(data)
            self._judge(data)
        except GlyphdError as failure:
            self.refuse(failure)
        except OSError as error:
            self.refuse(named_trouble(error))
        if self.completed and self.place:
            self.admission.places.complete(self.place)
        if self.completed:
            # Nothing is left to be sent; waitress would reset `completed` after its 100 and wait
            # forever.
            self.expect_continue = False
        if self.error or self.is_unread:
            return len(data)
        if self.completed and not self.empty and consumed < len(data):
            self.put_off(data[consumed:])
            return len(data)
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        self.method = header_plus.split(b" ", 1)[0].decode("latin-1")
        head = read_head(header_plus)
        try:
            super().parse_header(head.plain)
        except ValueError:
            # For example a target that urlsplit can't parse, or a length of thousands of digits:
            # waitress would drop the connection.
            raise ParsingError("The request line or a length can't be read") from None
        require_one_meaning(head)
        self.connection_close = self.connection_close or closes(head)
        if self.body_rcv is not None:
            self._buffer = BodyBuffer(self.adj.inbuf_overflow)
            self.body_rcv.buf = self._buffer  # type: ignore[assignment]
            if self.chunked:
                self.body_rcv = ChunkReceiver(self._buffer)  # type: ignore[assignment]

    def close(self) -> None:
        self.closed = True
        # The last bytes of a spool on a full disk can't be flushed, but its place must still be
        # released.
        with suppress(OSError):
            super().close()
        if self.place:
            self.admission.places.release(self.place)

    @property
    def announced(self) -> int | None:
        """The announced size of the body; None if it is chunked."""
        return None if self.chunked else self.content_length

    def most_to_read(self, most: int) -> int:
        """How many bytes to read from the connection: many only for a body, up to the next part to
        be parsed."""
        known = 0
        if isinstance(self.body_rcv, ChunkReceiver):
            known = self.body_rcv.chunk_remainder
        elif isinstance(self.body_rcv, FixedStreamReceiver):
            known = self.body_rcv.remain
        return max(min(known, most), SMALL_BLOCK_BYTES)

    def _make_room(self, count: int) -> None:
        """Called before this many bytes of the body are received, or fewer if the next request
        follows.

        A chunked body has no place until it is too large for a small one, because only then it is
        known to be an upload.
        """
        if self.body_rcv is None or self.completed:
            return
        size = len(self.body_rcv) + count
        if self.place is None and self.chunked and size > SMALL_BODY_BYTES:
            place = UploadPlace(began=self.started)
            self.admission.places.take(place)
            self.place = place
        if self.place is not None:
            self.admission.places.expect(self.place, size)
        else:
            self.admission.places.require_room_for_small(size)

    def _take(self, data: bytes) -> int:
        """The part that waitress gets, without blank lines before a request, because waitress would
        take each of them for a request."""
        blank = 0
        if not self.header_plus and self.body_rcv is None:
            blank = len(data) - len(data.lstrip(b"\r\n"))
        if blank == len(data):
            self.empty = self.completed = True
            return blank
        taken = super().received(data[blank:] if blank else data)
        if self._buffer is not None:
            self._buffer.settle()
        return blank + taken

    def _judge(self, data: bytes) -> None:
        if (
            self.completed
            and not self.headers_finished
            and (self.header_plus + data).startswith(b"HEAD ")
        ):
            self.method = "HEAD"  # too long: waitress parses a made-up GET instead
        if self.error or self.empty or not self.headers_finished:
            return
        if not self._decided:
            self._decided = True
            self.admission.rules.check_access(self._head)
            if self.body_rcv is not None and not self.admission.rules.has_route(self._head):
                self._leave_unread()
            else:
                self._admit()
        if isinstance(self.body_rcv, ChunkReceiver):
            size = len(self.body_rcv) + self.body_rcv.chunk_remainder
            self.admission.body_limits.require_size(self.content_type, size)

    def _leave_unread(self) -> None:
        """The application answers what is wrong with path or method, and the connection is closed
        after the answer."""
        self.is_unread = self.completed = self.connection_close = True
        self.body_rcv = None

    def _admit(self) -> None:
        self.place = self.admission.admit(Arrival(self.content_type, self.announced))

    def refuse(self, failure: GlyphdError) -> None:
        """Makes this failure the answer to the request."""
        self.error = Refusal(failure)
        self.completed = True
        # The received part of its body is dropped before the client has read the answer.
        self.close()

    @property
    def _head(self) -> RequestHead:
        return RequestHead(self.method, self.path, self.version, self.peer, self.headers)

    @property
    def content_type(self) -> str:
        return self.headers.get("CONTENT_TYPE", "")
