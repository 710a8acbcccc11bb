"""The progress of a job, and the thread that updates the registry twice a second."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from itertools import count
from threading import Event, Thread

import structlog

from glyphd.importing.claims import Claim, ClaimLost
from glyphd.importing.registry import Registry
from glyphd.times import now_text

BEAT_SECONDS = 0.5
BEATS_WITHOUT_TURN = 10
"""A job is reported at every so many beats while others that share its transaction are run."""

READING_SHARE = 0.8
"""Reading and checking a file takes about this share of an import; writing it takes the rest."""

CREEP = 0.03
STEP_SHARE = 0.01
"""Less than any statement's share of the total."""

log = structlog.get_logger(__name__)


class Halt(Enum):
    """Why an attempt must end before it is done."""

    STOPPING = "the worker was stopped"
    CANCELLED = "the import was cancelled"
    LOST = "another worker claimed the job"


@dataclass
class Progress:
    """Written by the thread that runs the job, read by the one that reports it.

    `has_turn` is false while other jobs of the same transaction are run.
    """

    phase: str | None = None
    progress: float = 0.0
    bytes_read: int = 0
    rows_read: int = 0
    error_count: int = 0
    halted_by: Halt | None = None
    has_turn: bool = True
    _crept: float = 0.0

    def reading(self, bytes_read: int, size: int) -> None:
        self.phase = "reading"
        self.bytes_read = bytes_read
        self.progress = READING_SHARE * min(1.0, bytes_read / max(size, 1))

    def writing(self, done: float) -> None:
        self.phase = "writing"
        mark = READING_SHARE + (1 - READING_SHARE) * done
        self._crept = self._crept if mark == self.progress else 0.0
        self.progress = mark

    def next_beat(self) -> float:
        """The reported progress. The progress within a long statement is unknown, so each heartbeat
        adds a little less than the previous one, and the sum never reaches the statement's end."""
        if self.phase == "writing":
            self._crept += CREEP * (STEP_SHARE - self._crept)
        return min(1.0, self.progress + self._crept)


@dataclass(frozen=True)
class Watched:
    """What a heartbeat reports and checks, and how it interrupts a long statement."""

    registry: Registry
    claim: Claim
    progress: Progress
    stopping: Event
    interrupt: Callable[[], None]


@contextmanager
def heartbeat(*watched: Watched) -> Iterator[None]:
    """Reports the progress of the block's jobs until it ends, and halts those that must end
    before."""
    ended = Event()
    thread = Thread(target=_beat, args=(watched, ended), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _beat(watched: Sequence[Watched], ended: Event) -> None:
    """Continues after a halt: a statement may begin just after an interrupt that had no effect."""
    beats = count(1)
    while not ended.wait(BEAT_SECONDS):
        is_for_all = next(beats) % BEATS_WITHOUT_TURN == 0
        try:
            _look([one for one in watched if is_for_all or one.progress.has_turn])
        except Exception:
            log.warning("heartbeat_missed", exc_info=True)
        for one in watched:
            if one.progress.halted_by is not None:
                one.interrupt()


def _look(watched: Sequence[Watched]) -> None:
    """Reports jobs in one transaction. Those that must stop need no registry."""
    running = [one for one in watched if one.progress.halted_by is None]
    for one in running:
        if one.stopping.is_set():
            one.progress.halted_by = Halt.STOPPING
    going_on = [one for one in running if one.progress.halted_by is None]
    if going_on:
        with going_on[0].registry.in_one_transaction():
            for one in going_on:
                one.progress.halted_by = _report(one)


def _report(watched: Watched) -> Halt | None:
    registry, claim, progress = watched.registry, watched.claim, watched.progress
    try:
        registry.update_claimed(
            claim,
            heartbeat_at=now_text(),
            phase=progress.phase,
            progress=progress.next_beat(),
            bytes_read=progress.bytes_read,
            rows_read=progress.rows_read,
            error_count=progress.error_count,
        )
    except ClaimLost:
        return Halt.LOST
    return Halt.CANCELLED if registry.is_cancel_requested(claim.job.id) else None
