"""Connections share the loop and the memory: none reads or sends for long, or keeps much memory,
while others wait."""

import sys
import time
from contextlib import suppress
from io import BytesIO
from typing import Any

import structlog
from waitress.buffers import OverflowableBuffer
from waitress.channel import ClientDisconnected, HTTPChannel

# A turn of the loop receives bodies and sends answers no longer than this; connections without a
# turn come first in the next one.
_TURN_SECONDS = 0.02
# Otherwise a client that reads as fast as the disk would occupy the loop, or a thread, until its
# whole file is sent.
_MOST_SENT_AT_ONCE = 1 << 20
_BLOCK_BYTES = 256 * 1024

log = structlog.get_logger(__name__)


class Turn:
    """The time budget of a turn of the loop. It begins with the first body or answer."""

    def __init__(self) -> None:
        self._until: float | None = None

    def begin(self) -> None:
        self._until = None

    def has_time(self) -> bool:
        now = time.monotonic()
        if self._until is None:
            self._until = now + _TURN_SECONDS
        return now < self._until


class SharingChannel(HTTPChannel):
    """A waitress connection that takes no more than its share of the loop and the memory.

    Answers in memory stay there. waitress would write large ones to the disk, and if the disk is
    full, send the last part without the beginning.
    """

    turn: Turn
    _map: dict[int, Any]
    _fileno: int | None
    _may_send = 0
    _is_sending = False  # whether the answering thread is sending

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sendbuf_len = min(
            self.sendbuf_len, _BLOCK_BYTES
        )  # each `send` reads this much again from file or memory

    def handle_read_event(self) -> None:
        # A head is small, and a client that waits behind many bodies may be a probe.
        if not self._is_in_body or self._has_turn():
            super().handle_read_event()

    def writable(self) -> bool:
        """Whether the loop has something to send.

        Not while the answering thread is sending, or has only a head so far: the loop could do
        nothing, but would be woken repeatedly until that thread is done, and would slow it down.
        """
        if self.requests and not self.will_close:
            return self.total_outbufs_len >= self.adj.send_bytes and not self._is_sending
        return bool(super().writable())

    def handle_write_event(self) -> None:
        if self._has_turn():
            super().handle_write_event()

    def send(self, data: bytes, do_close: bool = True) -> int:
        if self._may_send <= 0:
            return 0  # as if the system accepted no more data for now
        sent: int = super().send(data, do_close=do_close)
        self._may_send -= sent
        return sent

    def write_soon(self, data: Any) -> int:
        """Adds data to be sent. Raises ClientDisconnected, also if it can't be added.

        Then nothing pending is sent any more and the connection is closed, because only a part may
        have been added. The loop must not send meanwhile, hence the lock.
        """
        with self.outbuf_lock:
            try:
                return int(super().write_soon(data))
            except ClientDisconnected:
                raise
            except Exception as error:
                log.exception("answer_dropped")
                self._drop_pending()
                raise ClientDisconnected from error

    @property
    def held_bytes(self) -> int:
        """The memory of the answer. A buffer is kept as a whole until its last byte is sent."""
        return sum(_memory_of(buffer) for buffer in list(self.outbufs))

    def _flush_some(self, do_close: bool = True) -> bool:
        self._may_send = _MOST_SENT_AT_ONCE
        self._is_sending = not do_close  # only the loop can close
        try:
            return bool(super()._flush_some(do_close=do_close))  # type: ignore[misc]
        finally:
            self._is_sending = False

    @property
    def _is_in_body(self) -> bool:
        return self.request is not None and self.request.headers_finished

    def _has_turn(self) -> bool:
        """Whether this turn has time left. The loop follows the order of the map, so a connection
        that had a turn is moved to its end."""
        if not self.turn.has_time():
            return False
        if self._fileno is not None:
            self._map[self._fileno] = self._map.pop(self._fileno)
        return True

    def _drop_pending(self) -> None:
        for buffer in self.outbufs:
            with suppress(Exception):
                buffer.close()
        self.outbufs = [OverflowableBuffer(sys.maxsize)]
        self.total_outbufs_len = 0
        self.will_close = True


def _memory_of(buffer: Any) -> int:
    file = getattr(getattr(buffer, "buf", None), "file", None)
    return sys.getsizeof(file) if isinstance(file, BytesIO) else 0
