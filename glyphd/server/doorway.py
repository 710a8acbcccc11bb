"""Accepts connections, and decides how many are kept, which are closed for others, and what happens
if none can be accepted."""

import math
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from heapq import nsmallest
from operator import itemgetter
from typing import Any
from wsgiref.types import WSGIApplication

from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

from glyphd.descriptors import is_out_of_descriptors
from glyphd.server.bouts import Bout
from glyphd.server.channels import Channel
from glyphd.siblings.family import Siblings

# This many are accepted beyond those that are kept, before any is closed.
_AT_ONCE = 16
_PAUSE_SECONDS = 0.1
# How long a connection is left to another process that has fewer. An idle process needs a tenth of
# that.
_LEFT_SECONDS = 0.002
# The loop counts in milliseconds, and would not wait at all for less than one millisecond.
_LEAST_SECONDS = 0.001
# A connection that no process took in that time is taken by any process that sees it within this
# time.
_LEFT_IN_VAIN_SECONDS = 0.05


class Doorway(TcpWSGIServer):
    """waitress's server, changed to keep accepting connections as long as less needed ones can be
    closed.

    waitress itself accepts none at its limit, so idle connections keep all other clients out.
    Without descriptors it retries immediately and endlessly, and logs every attempt.
    """

    active_channels: dict[int, Channel]  # type: ignore[assignment]  # by their descriptors; the stub is wrong
    _map: dict[int, Any]  # channels, the listener and the wake-up pipe

    def __init__(
        self,
        app: WSGIApplication,
        listener: socket.socket,
        dispatcher: ThreadedTaskDispatcher,
        adjustments: Mapping[str, Any],
        channel_class: type[Channel],
        *,
        siblings: Siblings,
    ) -> None:
        self.channel_class = channel_class
        self._siblings = siblings
        self._left_until = 0.0
        self._most = channel_class.limits.max_connections
        self._full, self._short = Bout("too_many_connections"), Bout("out_of_descriptors")
        self._failing = Bout("connection_not_accepted")
        self._is_short = False
        self._paused_until = 0.0
        sockinfo = (listener.family, listener.type, listener.proto, listener.getsockname())
        adj = Adjustments(sockets=[listener], **adjustments)
        super().__init__(
            app,
            {},
            _sock=listener,
            dispatcher=dispatcher,
            adj=adj,
            sockinfo=sockinfo,
            bind_socket=False,
        )

    def readable(self) -> bool:
        is_open = self.accepting and len(self.active_channels) <= self._most
        return is_open and time.monotonic() >= max(self._paused_until, self._left_until)

    def seconds_left_to_another(self) -> float:
        """How long this process still leaves new connections to others; infinite if it does not."""
        left = self._left_until - time.monotonic()
        return max(left, _LEAST_SECONDS) if left > 0 else math.inf

    def handle_accept(self) -> None:
        """Accepts waiting connections, unless another process has fewer and is quick to."""
        now = time.monotonic()
        was_left_in_vain = now <= self._left_until + _LEFT_IN_VAIN_SECONDS
        if self._siblings.has_idler() and not was_left_in_vain:
            self._left_until = now + _LEFT_SECONDS
        else:
            self._left_until = 0.0
            self.accept_some()

    def accept_some(self) -> None:
        """Accepts waiting connections, and some more than are kept: `make_room` decides which of
        them are closed. The next connection is for another process once that one has fewer."""
        for _ in range(_AT_ONCE):
            try:
                accepted = self.accept()
            except OSError as error:
                self._pause(error)
                return
            if accepted is None:
                return
            connection, address = accepted
            with suppress(OSError):  # it is already closed again
                self.set_socket_options(connection)
                self.channel_class(
                    self, connection, self.fix_addr(address), self.adj, map=self._map
                )
                self._siblings.tell_connections(len(self.active_channels))
            if self._siblings.has_idler():
                return

    def make_room(self, now: float) -> None:
        """Closes the least needed connections. Only between turns of the loop: a new connection may
        get the descriptor of a closed one, and events of the old one would be applied to it.
        """
        self._siblings.tell_connections(len(self.active_channels))
        excess = len(self.active_channels) - self._most
        if excess > 0:
            self._full.note(now, self._close_some(now, excess), limit=self._most)
        if self._is_short:
            self._is_short = False
            self._short.note(now, self._close_some(now, _AT_ONCE))
        for bout in (self._full, self._short, self._failing):
            bout.look(now)

    def _pause(self, error: OSError) -> None:
        """Pauses accepting. Waiting connections stay in the system's queue, which would otherwise
        report them again immediately."""
        now = time.monotonic()
        self._paused_until = now + _PAUSE_SECONDS
        if is_out_of_descriptors(error):
            self._is_short = True
        else:
            self._failing.note(now, reason=str(error))

    def _close_some(self, now: float, count: int) -> int:
        """Closes at most this many connections, the least needed ones; returns how many."""
        ranked = [
            (rank, channel)
            for channel in self.channels()
            if (rank := channel.rank_to_close(now)) is not None
        ]
        closing = nsmallest(count, ranked, key=itemgetter(0))
        for _, channel in closing:
            channel.handle_close()
        return len(closing)

    def channels(self) -> list[Channel]:
        return list(self.active_channels.values())
