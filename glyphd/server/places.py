"""The uploads in progress, of all API processes: their limit, and the disk space that is reserved
for them.

Space is reserved for what has arrived, and a little more. If it were reserved for what was
announced, a few clients that announce much and send little would get all of it.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from glyphd.errors import StorageFull, TooManyUploads
from glyphd.plurals import counted
from glyphd.server.limits import HELD_BODY_BYTES, ServerLimits
from glyphd.settings import MIB
from glyphd.siblings.family import OfUpload, Siblings, free_upload

# A body is on the disk twice while it is stored: where it was received, and in the store.
_COPIES = 2
_STEP_BYTES = MIB
_NANOSECONDS = 10**9
_ID_BITS = 62


@dataclass(eq=False)
class UploadPlace:
    """One upload; `announced` is its size, or None when it comes in chunks.

    Only the loop's thread changes this object. `row` is its part of the shared memory, once it is
    counted.
    """

    announced: int | None = None
    began: float = field(default_factory=time.monotonic)
    received: int = 0
    promised: int = 0
    """Up to this size there is space for the body, with all its copies."""
    id: int = field(default_factory=lambda: secrets.randbits(_ID_BITS) or 1)
    row: memoryview | None = None
    _withdrawn_at: float | None = None

    @property
    def is_withdrawn(self) -> bool:
        """Whether this place was given to another upload, possibly by another process."""
        return self.row is not None and self.row[OfUpload.ID] != self.id

    @property
    def withdrawn_at(self) -> float | None:
        """When that was first noticed; None while it has its place."""
        if self._withdrawn_at is None and self.is_withdrawn:
            self._withdrawn_at = time.monotonic()
        return self._withdrawn_at

    @property
    def owed_bytes(self) -> int:
        """How much of its reserved space it will still fill."""
        return _COPIES * self.promised - self.spooled_bytes

    @property
    def spooled_bytes(self) -> int:
        """How much of it is already on the disk."""
        return self.received if self.received >= HELD_BODY_BYTES else 0


class Places:
    """All uploads in progress. Places can be released from any thread, everything else is for the
    loop's thread."""

    def __init__(
        self, limits: ServerLimits, free_bytes: Callable[[Path], int], siblings: Siblings
    ) -> None:
        self._limits = limits
        self._free_bytes = free_bytes
        self._siblings = siblings
        self._rows = siblings.uploads[: limits.max_uploads_in_flight]

    def take(self, place: UploadPlace) -> None:
        """Counts one more upload. Raises TooManyUploads, and StorageFull if it can't fit."""
        with self._siblings.locked():
            self._require_free(_COPIES * (place.announced or 0))
            self._require_promise(place, 0)
            row = next((row for row in self._rows if not row[OfUpload.ID]), None)
            place.row = self._slowest() if row is None else row
            free_upload(place.row)
            place.row[OfUpload.PROCESS] = self._siblings.number + 1
            place.row[OfUpload.BEGAN] = round(place.began * _NANOSECONDS)
            place.row[OfUpload.ID] = place.id
            self._tell(place)

    def expect(self, place: UploadPlace, size: int) -> None:
        """Reserves space before the body grows to this many bytes. Raises TooManyUploads if another
        upload got the place, and StorageFull if there is no space for the growth."""
        coming = size if place.announced is None else min(size, place.announced)
        with self._siblings.locked():
            if place.withdrawn_at is not None:
                raise TooManyUploads(
                    "the upload was too slow and was aborted to make room for others; try again "
                    "in a moment"
                )
            if coming > place.promised:
                self._require_promise(place, coming)
            place.received = coming
            self._tell(place)

    def complete(self, place: UploadPlace) -> None:
        """Marks the body as complete: its place is no longer given to another upload."""
        with self._siblings.locked():
            if place.row is not None and not place.is_withdrawn:
                place.row[OfUpload.IS_WHOLE] = 1

    def release(self, place: UploadPlace) -> None:
        """Releases a place; a second call has no effect."""
        with self._siblings.locked():
            if place.row is not None and not place.is_withdrawn:
                free_upload(place.row)

    def require_room_for_small(self, size: int) -> None:
        """Raises StorageFull if the disk has no space for a small body, ignoring what is reserved
        for others."""
        self._require_free(_COPIES * size)

    def _require_promise(self, place: UploadPlace, size: int) -> None:
        promised = size + _STEP_BYTES
        if place.announced is not None:
            promised = min(promised, place.announced)
        others = sum(row[OfUpload.OWED] for row in self._rows if row[OfUpload.ID] != place.id)
        self._require_free(others + _COPIES * promised - place.spooled_bytes)
        place.promised = promised

    def _tell(self, place: UploadPlace) -> None:
        assert place.row is not None
        place.row[OfUpload.RECEIVED] = place.received
        place.row[OfUpload.OWED] = place.owed_bytes

    def _require_free(self, count: int) -> None:
        if count + self._limits.disk_reserve_bytes > self._free_bytes(self._limits.scratch_dir):
            raise StorageFull("there is too little space on the disk for another body")

    def _slowest(self) -> memoryview:
        """The row of the slowest upload, to be given to a new one. Raises TooManyUploads if none is
        slow enough to be aborted."""
        now = time.monotonic_ns()
        slow = [row for row in self._rows if self._may_be_withdrawn(row, now)]
        if not slow:
            raise TooManyUploads(
                f"{counted(len(self._rows), 'upload')} in progress, which is the limit; try "
                "again in a moment"
            )
        return min(slow, key=lambda row: row[OfUpload.RECEIVED] / _age(row, now))

    def _may_be_withdrawn(self, row: memoryview, now: int) -> bool:
        age = _age(row, now)
        if row[OfUpload.IS_WHOLE] or age < self._limits.fair_seconds:
            return False
        return self._limits.is_slow(row[OfUpload.RECEIVED], age)


def _age(row: memoryview, now: int) -> float:
    """Seconds since an upload began, always more than 0."""
    return float(max((now - row[OfUpload.BEGAN]) / _NANOSECONDS, 0.001))
