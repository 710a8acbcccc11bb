"""The worker's own check of the databases for damage: in quiet hours, and after something went
wrong.

It runs in parallel, on its own connection. No import waits for it, and it is interrupted by them,
because both read from the same disk.
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from threading import Event, get_native_id

import structlog

from glyphd.db.damage import CheckEnded, DamageCheck, databases_to_check
from glyphd.db.registry_models import IntegrityCheck
from glyphd.importing.integrity_log import DAMAGED, IntegrityLog
from glyphd.services import Services
from glyphd.times import utc_now, utc_text

LOOK_SECONDS = 5.0
"""How often to test whether a check is due."""

WATCH_SECONDS = 0.5
"""How soon a running check is interrupted by an import."""

QUIET_SECONDS = 30
INTERVAL_SECONDS = 24 * 3600
DAMAGED_INTERVAL_SECONDS = 3600

PATIENCE_SECONDS = 24 * 3600
"""After imports have postponed a check for this long, it runs in parallel with them, because a busy
service needs checks too."""

_CHECK_LOCK = 0
"""Only one of several workers checks. Jobs are numbered from 1, so this lock belongs to no job."""

_NICENESS = 10

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Due:
    """Why a check is due: immediately after an incident, otherwise when nothing has been received
    for a while."""

    lost_workers: list[str]
    is_suspect: bool
    is_urgent: bool


class QuietCheck:
    """Tests at intervals whether a check is due and possible, and runs it."""

    def __init__(self, services: Services, is_suspect: Event, stopping: Event) -> None:
        self._settings = services.settings
        self._registry = services.registry
        self._locks = services.locks
        self._log = IntegrityLog(services.registry)
        self._is_suspect = is_suspect
        self._stopping = stopping
        self._due_since: float | None = None
        self._has_looked = False

    def look(self) -> None:
        """Runs a check if one is due; returns when it is done or interrupted."""
        if self._due() is None:
            self._due_since = None
            return
        self._due_since = self._due_since or time.monotonic()
        if self._is_in_the_way():
            return
        with self._locks.hold(_CHECK_LOCK) as is_held:
            due = self._due() if is_held else None  # another worker may just have done it
            if due is not None and (due.is_urgent or self._is_quiet()):
                self._check(due)

    def _due(self) -> _Due | None:
        last = self._log.last()
        lost_workers = self._log.lost_workers()
        is_suspect = self._is_suspect.is_set() or (last is not None and last.result == DAMAGED)
        is_urgent = (
            bool(lost_workers)
            or self._is_suspect.is_set()
            or (is_suspect and self._may_be_repaired(last))
        )
        is_old = last is None or not _ago(INTERVAL_SECONDS) < last.checked_at <= _ago(-60)
        return _Due(lost_workers, is_suspect, is_urgent) if is_urgent or is_old else None

    def _may_be_repaired(self, last: IntegrityCheck | None) -> bool:
        """Damage is repaired while the service is stopped, so it is checked again at the start, and
        later only sometimes."""
        return (
            not self._has_looked or last is None or last.checked_at < _ago(DAMAGED_INTERVAL_SECONDS)
        )

    def _check(self, due: _Due) -> None:
        """A full check if damage was found or is suspected, because a quick check would not notice
        a wrong index."""
        self._has_looked = True
        began = time.monotonic()
        check = DamageCheck(databases_to_check(self._settings), quick=not due.is_suspect)
        try:
            damage = self._run(check)
        except CheckEnded:
            log.info("integrity_check_postponed", seconds=round(time.monotonic() - began, 3))
            return
        self._log.record(damage, due.lost_workers)
        self._due_since = None
        if due.is_suspect:
            self._is_suspect.clear()
        seconds = round(time.monotonic() - began, 3)
        if damage:
            log.error("database_damaged", reason=damage, seconds=seconds)
        else:
            log.info("integrity_checked", result="sound", seconds=seconds)

    def _run(self, check: DamageCheck) -> list[str]:
        with ThreadPoolExecutor(1, "integrity") as pool:
            running = pool.submit(_run_gently, check)
            while not wait([running], WATCH_SECONDS).done:
                if self._stopping.is_set() or self._is_in_the_way():
                    check.end()
            return running.result()

    def _is_in_the_way(self) -> bool:
        """Whether jobs are waiting or running, and the check has not been postponed for too
        long."""
        is_patient = time.monotonic() - (self._due_since or time.monotonic()) < PATIENCE_SECONDS
        return is_patient and self._registry.count_unfinished() > 0

    def _is_quiet(self) -> bool:
        return self._log.latest_arrival() < _ago(QUIET_SECONDS)


def _run_gently(check: DamageCheck) -> list[str]:
    """On Linux each thread has its own niceness."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, get_native_id(), _NICENESS)
    return check.run()


def _ago(seconds: float) -> str:
    return utc_text(utc_now() - timedelta(seconds=seconds))
