"""Fills the answers about the whole market that the archive keeps, while no job is waiting.

It runs in parallel, on its own connection. An import that arrives meanwhile shares the processor
with it for one answer at most.
"""

import os
import time
from contextlib import suppress
from datetime import timedelta
from threading import get_native_id

import structlog

from glyphd.history.market_summaries import LEAST_EVENTS, keep_summaries, lacks_summaries
from glyphd.importing.integrity_log import IntegrityLog
from glyphd.times import utc_now, utc_text
from worker.context import WorkerContext
from worker.passing import passing_reason

IDLE_LOOK_SECONDS = 2.0
"""How often to test whether there is something to compute."""

SETTLED_SECONDS = 1.0
"""A client that has just sent a file may be about to send the next one."""

RESTS = 3
"""It rests for so many times as long as it took: files that arrive all the time must not keep a
processor busy with answers that nobody may ask for."""

TROUBLED_SECONDS = 60.0
"""How long it rests after an error. The answers are a convenience: the jobs report the trouble."""

_SUMMARY_LOCK = -1
"""Only one of several workers computes. Jobs are numbered from 1: this lock belongs to none."""

_NICENESS = 10

log = structlog.get_logger(__name__)


class IdleSummaries:
    """Tests at intervals whether answers are lacking and the worker is idle, and computes them, in
    an archive with at least so many events."""

    def __init__(self, context: WorkerContext, least: int = LEAST_EVENTS) -> None:
        self._context = context
        self._least = least
        self._registry = context.services.registry
        self._log = IntegrityLog(self._registry)
        self._rests_until = 0.0

    def look(self) -> None:
        """Computes what is lacking; returns when it is done, or when a job arrives."""
        if time.monotonic() < self._rests_until:
            return
        try:
            if self._is_idle() and self._is_due():
                with self._context.services.locks.hold(_SUMMARY_LOCK) as is_held:
                    if is_held:
                        self._compute()
        except Exception as error:
            self._rests_until = time.monotonic() + TROUBLED_SECONDS
            if passing_reason(error) is None:
                raise

    def _compute(self) -> None:
        with suppress(OSError):  # on Linux each thread has its own niceness
            os.setpriority(os.PRIO_PROCESS, get_native_id(), _NICENESS)
        began = time.monotonic()
        archive = self._context.archive
        try:
            with archive.connection_context():
                keep_summaries(archive, go_on=self._is_idle, least=self._least)
        finally:
            seconds = time.monotonic() - began
            self._rests_until = began + (1 + RESTS) * seconds
        log.info("summaries_kept", seconds=round(seconds, 3))

    def _is_due(self) -> bool:
        archive = self._context.services.archive
        with archive.connection_context():
            return lacks_summaries(archive, self._least)

    def _is_idle(self) -> bool:
        if self._context.stopping.is_set() or self._registry.count_unfinished():
            return False
        settled = utc_text(utc_now() - timedelta(seconds=SETTLED_SECONDS))
        return self._log.latest_arrival() < settled
