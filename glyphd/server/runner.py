"""Runs the server: listens, runs waitress's loop, closes slow connections, and drains after a stop
signal."""

import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from wsgiref.types import WSGIApplication

import structlog
from waitress import wasyncore

from glyphd.api.refusals import Present, as_it_is
from glyphd.listener import BACKLOG
from glyphd.server.admission import NO_RULES, Admission, Rules
from glyphd.server.channels import Channel, channel_class
from glyphd.server.crowding import MOST_PENDING_BYTES, slowest_beyond
from glyphd.server.doorway import Doorway
from glyphd.server.lanes import Lanes
from glyphd.server.limits import HELD_BODY_BYTES, ServerLimits
from glyphd.siblings.family import Siblings

_MAX_HEADER_BYTES = 32 * 1024
_RECEIVE_BYTES = 256 * 1024  # with waitress's 8 KiB a large upload takes more than twice as long
# Headers wait for the body that follows them; the rest of an answer is sent immediately at its end.
_SEND_BYTES = 4 * 1024
# This much of an answer produced in pieces can wait for its client; then its thread waits too.
_STREAM_BYTES = 1 << 20
_NEVER = 10**9  # seconds
# How soon a stop or a client's timeout is noticed. A signal does not interrupt a poll, so the poll
# is short.
_TICK_SECONDS = 0.1
# How long threads get to return from an app that is still running when the grace period is over.
_LAST_SECONDS = 1

log = structlog.get_logger(__name__)


def run_server(
    app: WSGIApplication,
    limits: ServerLimits,
    listener: socket.socket,
    *,
    on_ready: Callable[[str, int], None],
    stop: threading.Event,
    rules: Rules = NO_RULES,
    present: Present = as_it_is,
    siblings: Siblings | None = None,
) -> None:
    """Serves `app` on a socket from `listen` until `stop` is set; then finishes current requests
    within `limits.grace_seconds` and returns.

    `on_ready` is called with the address and the port to which clients can connect. Bodies of more
    than 64 KiB are spooled to the folder of `tempfile`, which the caller sets to
    `limits.scratch_dir`. `present` turns a refusal into an answer.
    `siblings` are the processes that serve the same socket.
    """
    host, port = listener.getsockname()[:2]
    admission = Admission(limits, rules, siblings=siblings)
    runner = _Runner(app, channel_class(admission, present), admission, listener)
    try:
        on_ready(host, port)
        admission.siblings.begin_to_listen()
        while not stop.is_set():
            runner.turn(_TICK_SECONDS)
        runner.drain()
    finally:
        runner.close()


class _Runner:
    def __init__(
        self,
        app: WSGIApplication,
        channels: type[Channel],
        admission: Admission,
        listener: socket.socket,
    ) -> None:
        self._limits = admission.limits
        self._listener = listener
        self._channel_class = channels
        self._siblings = admission.siblings
        self._lanes = Lanes(self._limits, self._siblings.count)
        self._most_pending = self._siblings.share_of(MOST_PENDING_BYTES)
        self._server = Doorway(
            app, listener, self._lanes, _adjustments(), self._channel_class, siblings=self._siblings
        )
        self._sockets: dict[int, Any] = self._server._map  # channels, listener and wake-up pipe
        self._server.adj.send_bytes = _SEND_BYTES
        self._reaped_at = 0.0

    def turn(self, seconds: float) -> None:
        """Waits at most this long for events, and handles them."""
        self._channel_class.turn.begin()
        timeout = min(seconds, self._server.seconds_left_to_another(), self._lanes.seconds_to_look)
        wasyncore.loop(timeout=timeout, use_poll=True, map=self._sockets, count=1)
        now = time.monotonic()
        self._server.make_room(now)
        self._lanes.look(now)
        self._reap(now)

    def drain(self) -> None:
        """Accepts no more connections, and returns when every request has been answered or the
        grace period is over."""
        deadline = time.monotonic() + self._limits.grace_seconds
        self._channel_class.draining = True
        self._siblings.end_listening()
        self._stop_listening()
        self.turn(0)  # data that has already arrived is read before idle connections are closed
        while any(channel.busy for channel in self._server.channels()):
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                log.warning(
                    "requests_aborted",
                    count=sum(channel.busy for channel in self._server.channels()),
                )
                return
            self.turn(min(_TICK_SECONDS, remaining))

    def close(self) -> None:
        """Closes every connection and ends the threads."""
        for channel in self._server.channels():
            channel.handle_close()
        self._server.task_dispatcher.shutdown(timeout=_LAST_SECONDS)
        if self._server.task_dispatcher.threads:
            # A thread that still runs would write its wake-up byte to a closed descriptor, which by
            # then may be another file. The process is about to end: the pipe stays open.
            return
        self._server.close()

    def _stop_listening(self) -> None:
        """Accepts the connections that the kernel has already established, then refuses new
        ones."""
        known = 0
        while known < len(self._sockets) and self._server.readable():
            known = len(self._sockets)
            self._server.accept_some()
        self._server.del_channel()
        self._listener.close()

    def _reap(self, now: float) -> None:
        """Closes overdue connections between turns, because within a turn that would break
        waitress's loop."""
        if now - self._reaped_at < _TICK_SECONDS:
            return
        self._reaped_at = now
        channels = self._server.channels()
        crowding = slowest_beyond(self._most_pending, channels)
        for channel in channels:
            reason = "answers_fill_memory" if channel in crowding else channel.overdue(now)
            if reason is not None:
                if reason not in ("idle", "lingered"):
                    log.info("connection_reaped", reason=reason, client=channel.addr[0])
                channel.handle_close()


def _adjustments() -> Mapping[str, Any]:
    """waitress's own settings."""
    return {
        "ident": "glyphd",
        "backlog": BACKLOG,
        "recv_bytes": _RECEIVE_BYTES,
        "inbuf_overflow": HELD_BODY_BYTES,
        "outbuf_overflow": sys.maxsize,  # answers in memory stay there, see sharing
        "outbuf_high_watermark": _STREAM_BYTES,
        "max_request_header_size": _MAX_HEADER_BYTES,
        "max_request_body_size": sys.maxsize,  # admission has a limit for each type, and names it
        "clear_untrusted_proxy_headers": False,  # the app does that, behind any server
        # waitress's own clean-up goes by the wall clock and can't close a connection whose reader
        # has stalled.
        "channel_timeout": _NEVER,
        "cleanup_interval": _NEVER,
    }
