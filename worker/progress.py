"""How far a job is, and the thread that tells the registry twice a second."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread

import structlog

from glyphd.importing.registry import Claim, ClaimLost, Registry
from glyphd.times import now_text

BEAT_SECONDS = 0.5
READING_SHARE = 0.8
"""Reading and checking a file takes about this share of an import, writing it into the archive the rest."""

log = structlog.get_logger(__name__)


@dataclass
class Progress:
    """Written by the thread that runs the job, read by the one that reports it."""

    phase: str | None = None
    progress: float = 0.0
    bytes_read: int = 0
    rows_read: int = 0
    error_count: int = 0
    is_lost: bool = False

    def reading(self, bytes_read: int, size: int) -> None:
        self.phase = "reading"
        self.bytes_read = bytes_read
        self.progress = READING_SHARE * min(1.0, bytes_read / max(size, 1))

    def writing(self, done: float) -> None:
        self.phase = "writing"
        self.progress = READING_SHARE + (1 - READING_SHARE) * done


@contextmanager
def heartbeat(registry: Registry, claim: Claim) -> Iterator[Progress]:
    """Reports the progress of the block until it ends. Sets `is_lost` when the claim no longer holds."""
    progress, ended = Progress(), Event()
    thread = Thread(target=_beat, args=(registry, claim, progress, ended), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield progress
    finally:
        ended.set()
        thread.join()


def _beat(registry: Registry, claim: Claim, progress: Progress, ended: Event) -> None:
    while not ended.wait(BEAT_SECONDS):
        try:
            registry.update_claimed(
                claim,
                heartbeat_at=now_text(),
                phase=progress.phase,
                progress=progress.progress,
                bytes_read=progress.bytes_read,
                rows_read=progress.rows_read,
                error_count=progress.error_count,
            )
        except ClaimLost:
            progress.is_lost = True
            return
        except Exception:
            log.warning("heartbeat_missed", exc_info=True)
