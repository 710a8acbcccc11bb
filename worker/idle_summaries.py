"""Fills the answers about the whole market that the archive keeps, while no job is waiting.

It runs in parallel, on its own connection, and is interrupted when a job arrives.
"""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import timedelta
from threading import get_native_id

import structlog
from peewee import Database

from glyphd.db.dialects import interrupter
from glyphd.db.troubles import DATABASE_ERRORS
from glyphd.history.market_summaries import LEAST_EVENTS, keep_summaries, lacks_summaries
from glyphd.importing.integrity_log import IntegrityLog
from glyphd.times import utc_now, utc_text
from worker.context import WorkerContext
from worker.passing import passing_reason

IDLE_LOOK_SECONDS = 2.0
"""How often to test whether there is something to compute."""

WATCH_SECONDS = 0.1
"""How soon a job interrupts it, in seconds."""

SETTLED_SECONDS = 1.0
"""A client that has just sent a file may be about to send the next one."""

RESTS = 3
"""It rests for this many times as long as it took: a constant stream of files must not keep a core
busy with answers that may never be requested."""

TROUBLED_SECONDS = 60.0
"""How long it rests after an error. The answers are a convenience; jobs report the trouble."""

_SUMMARY_LOCK = -1
"""Only one of several workers computes. Jobs are numbered from 1, so this lock belongs to no
job."""

_NICENESS = 10

log = structlog.get_logger(__name__)


class IdleSummaries:
    """Tests at intervals whether answers are missing and the worker is idle, and computes them, in
    an archive with at least this many events."""

    def __init__(self, context: WorkerContext, least: int = LEAST_EVENTS) -> None:
        self._context = context
        self._least = least
        self._registry = context.services.registry
        self._log = IntegrityLog(self._registry)
        self._rests_until = 0.0

    def look(self) -> None:
        """Computes the missing answers; returns when they are done, or when a job arrives."""
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
        began = time.monotonic()
        work = _Work(self._context.archive, self._least)
        try:
            with ThreadPoolExecutor(1, "summaries") as pool:
                running = pool.submit(work.run)
                while not wait([running], WATCH_SECONDS).done:
                    if not self._is_idle():
                        work.end()
                is_done = running.result()
        finally:
            seconds = time.monotonic() - began
            self._rests_until = began + (1 + RESTS) * seconds
        name = "summaries_kept" if is_done else "summaries_postponed"
        log.info(name, seconds=round(seconds, 3))

    def _is_due(self) -> bool:
        archive = self._context.services.archive
        with archive.connection_context():
            return lacks_summaries(archive, self._least)

    def _is_idle(self) -> bool:
        if self._context.stopping.is_set() or self._registry.count_unfinished():
            return False
        settled = utc_text(utc_now() - timedelta(seconds=SETTLED_SECONDS))
        return self._log.latest_arrival() < settled


class _Work:
    """One computation, which another thread can interrupt."""

    def __init__(self, archive: Database, least: int) -> None:
        self._archive = archive
        self._least = least
        self._interrupt: Callable[[], None] | None = None
        self._is_ended = False

    def run(self) -> bool:
        """Runs the computation; False if it was interrupted."""
        with suppress(OSError):  # on Linux each thread has its own niceness
            os.setpriority(os.PRIO_PROCESS, get_native_id(), _NICENESS)
        try:
            with self._archive.connection_context():
                self._interrupt = interrupter(self._archive)
                try:
                    keep_summaries(
                        self._archive, go_on=lambda: not self._is_ended, least=self._least
                    )
                finally:
                    self._interrupt = None
        except DATABASE_ERRORS:
            if not self._is_ended:
                raise
        return not self._is_ended

    def end(self) -> None:
        """Must be called repeatedly until `run` is over, because a statement may be just about to
        start."""
        self._is_ended = True
        if self._interrupt is not None:
            self._interrupt()
