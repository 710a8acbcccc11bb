"""The uploads in progress: their limit, and the disk space that is reserved for them.

Space is reserved for what has arrived, and a little more. If it were reserved for what was
announced, a few clients that announce much and send little would get all of it.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from glyphd.errors import StorageFull, TooManyUploads
from glyphd.plurals import counted
from glyphd.server.limits import HELD_BODY_BYTES, ServerLimits
from glyphd.settings import MIB

# A body is on the disk twice while it is stored: where it was received, and in the store.
_COPIES = 2
_STEP_BYTES = MIB


@dataclass(eq=False)
class UploadPlace:
    """One upload; `announced` is its size, or None when it comes in chunks.

    Only the loop's thread changes this object.
    """

    announced: int | None = None
    began: float = field(default_factory=time.monotonic)
    received: int = 0
    promised: int = 0
    """Up to this size there is space for the body, with all its copies."""
    is_whole: bool = False
    withdrawn_at: float | None = None
    """When this place was given to another upload."""

    @property
    def owed_bytes(self) -> int:
        """How much of its reserved space it will still fill."""
        return _COPIES * self.promised - self.spooled_bytes

    @property
    def spooled_bytes(self) -> int:
        """How much of it is already on the disk."""
        return self.received if self.received >= HELD_BODY_BYTES else 0

    def pace(self, now: float) -> float:
        """The average rate so far, in bytes a second."""
        return self.received / max(now - self.began, 0.001)


class Places:
    """All uploads in progress. Places can be released from any thread, everything else is for the
    loop's thread."""

    def __init__(self, limits: ServerLimits, free_bytes: Callable[[Path], int]) -> None:
        self._limits = limits
        self._free_bytes = free_bytes
        self._taken: set[UploadPlace] = set()
        self._lock = threading.Lock()

    def take(self, place: UploadPlace) -> None:
        """Counts one more upload. Raises TooManyUploads, and StorageFull where it can't fit."""
        with self._lock:
            self._require_free(_COPIES * (place.announced or 0))
            self._require_promise(place, 0)
            if len(self._taken) >= self._limits.max_uploads_in_flight:
                self._withdraw_slowest()
            self._taken.add(place)

    def expect(self, place: UploadPlace, size: int) -> None:
        """The body is about to have so many bytes. Raises TooManyUploads when another one got the
        place, and StorageFull when there is no room for what comes."""
        if place.withdrawn_at is not None:
            raise TooManyUploads(
                "the upload was too slow and was aborted to make room for others; try again "
                "in a moment"
            )
        coming = size if place.announced is None else min(size, place.announced)
        if coming > place.promised:
            with self._lock:
                self._require_promise(place, coming)
        place.received = coming

    def release(self, place: UploadPlace) -> None:
        """Gives a place back; once more does no harm."""
        with self._lock:
            self._taken.discard(place)

    def require_room_for_small(self, size: int) -> None:
        """Raises StorageFull if the disk has no space for a small body, ignoring what is reserved
        for others."""
        self._require_free(_COPIES * size)

    def _require_promise(self, place: UploadPlace, size: int) -> None:
        promised = size + _STEP_BYTES
        if place.announced is not None:
            promised = min(promised, place.announced)
        others = sum(other.owed_bytes for other in self._taken if other is not place)
        self._require_free(others + _COPIES * promised - place.spooled_bytes)
        place.promised = promised

    def _require_free(self, count: int) -> None:
        if count + self._limits.disk_reserve_bytes > self._free_bytes(self._limits.scratch_dir):
            raise StorageFull("there is too little space on the disk for another body")

    def _withdraw_slowest(self) -> None:
        """Raises TooManyUploads if no upload is slow enough to be aborted for a new one."""
        now = time.monotonic()
        slow = [place for place in self._taken if self._may_be_withdrawn(place, now)]
        if not slow:
            raise TooManyUploads(
                f"{counted(len(self._taken), 'upload')} in progress, which is the limit; try "
                "again in a moment"
            )
        slowest = min(slow, key=lambda place: place.pace(now))
        slowest.withdrawn_at = now
        self._taken.discard(slowest)

    def _may_be_withdrawn(self, place: UploadPlace, now: float) -> bool:
        age = now - place.began
        if place.is_whole or age < self._limits.fair_seconds:
            return False
        return self._limits.is_slow(place.received, age)
