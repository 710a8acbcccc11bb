"""Who may ask, and who may send a body: decided when a request's headers are complete, before its body is read."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from glyphd.api.access import RequestHead
from glyphd.disk import free_disk_bytes
from glyphd.errors import StorageFull, TooManyImports, TooManyUploads
from glyphd.request_errors import TooLarge
from glyphd.server.limits import SMALL_BODY_BYTES, ServerLimits, is_json

# A body may lie on the disk twice while it is kept, in its spool and in the store, which can't take over every spool.
_COPIES = 2


@dataclass(frozen=True)
class Arrival:
    """What the headers of a request say about its body; `size` is None when it comes in chunks."""

    content_type: str
    size: int | None


@dataclass(eq=False)
class Place:
    """A place among the uploads under way, with the disk space that is promised to it and not yet filled."""

    owed_bytes: int

    def fill(self, received: int) -> None:
        self.owed_bytes = max(0, self.owed_bytes - received)


def always_room() -> bool:
    return True


def any_request(_head: RequestHead) -> None:
    """Refuses none."""


class Admission:
    """The uploads under way, and the rule for one more. Places are given back from any thread."""

    def __init__(
        self,
        limits: ServerLimits,
        free_bytes: Callable[[Path], int] = free_disk_bytes,
        has_room: Callable[[], bool] = always_room,
        check_access: Callable[[RequestHead], None] = any_request,
    ) -> None:
        self.limits = limits
        self.check_access = check_access
        self._free_bytes = free_bytes
        self._has_room = has_room
        self._places: set[Place] = set()
        self._lock = threading.Lock()

    def admit(self, arrival: Arrival) -> Place | None:
        """A place for an upload, to be released; None for a body too small to count.

        Raises TooLarge, TooManyImports, TooManyUploads or StorageFull; OSError where the disk can't be asked.
        """
        self.require_size(arrival.content_type, arrival.size or 0)
        if arrival.size == 0:
            return None
        if not self._has_room():
            raise TooManyImports("too many imports are waiting; try again in a moment")
        with self._lock:
            self._require_space(arrival.size or 0)
            return self._take_place(arrival.size)

    def require_size(self, content_type: str, size: int) -> None:
        """Raises TooLarge for a body of this type with so many bytes."""
        limit = self.limits.largest_body(content_type)
        if size > limit:
            hint = "; send a larger file as a raw text/csv body" if is_json(content_type) else ""
            raise TooLarge(f"a body of this type may have {limit} bytes{hint}", limit=limit)

    def release(self, place: Place) -> None:
        """Gives a place back; once more does no harm."""
        with self._lock:
            self._places.discard(place)

    def _require_space(self, size: int) -> None:
        promised = sum(place.owed_bytes for place in self._places)
        needed = _COPIES * size + promised + self.limits.disk_reserve_bytes
        if needed > self._free_bytes(self.limits.scratch_dir):
            raise StorageFull("there is too little room on the disk for another body")

    def _take_place(self, size: int | None) -> Place | None:
        if size is not None and size <= SMALL_BODY_BYTES:
            return None
        if len(self._places) >= self.limits.max_uploads_in_flight:
            raise TooManyUploads(f"{len(self._places)} uploads are under way; try again in a moment")
        place = Place(_COPIES * (size or 0))
        self._places.add(place)
        return place
