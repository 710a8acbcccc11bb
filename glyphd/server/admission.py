"""Decides which requests are allowed, and which may send a body, when the headers are complete and
before the body is read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from glyphd.api.access import RequestHead
from glyphd.disk import free_disk_bytes
from glyphd.errors import TooManyImports
from glyphd.server.limits import SMALL_BODY_BYTES, ServerLimits
from glyphd.server.places import Places, UploadPlace
from glyphd.siblings.family import Siblings, alone


@dataclass(frozen=True)
class Arrival:
    """What the headers of a request say about its body; `size` is None if it is chunked."""

    content_type: str
    size: int | None


def always_room() -> bool:
    return True


def any_request(_head: RequestHead) -> None:
    """Refuses nothing."""


def any_route(_head: RequestHead) -> bool:
    return True


@dataclass(frozen=True)
class Rules:
    """The application's decisions about requests by their headers. They are called on the loop, so
    each must return immediately.

    Bodies are refused while `has_room()` is false. `check_access` raises a GlyphdError for a
    request that must be refused. If `has_route` is false, the application answers without the body.
    """

    has_room: Callable[[], bool] = always_room
    check_access: Callable[[RequestHead], None] = any_request
    has_route: Callable[[RequestHead], bool] = any_route


NO_RULES = Rules()
"""Answers every request."""


class Admission:
    """The rules for requests, and the uploads in progress."""

    def __init__(
        self,
        limits: ServerLimits,
        rules: Rules = NO_RULES,
        free_bytes: Callable[[Path], int] = free_disk_bytes,
        siblings: Siblings | None = None,
    ) -> None:
        self.limits = limits
        self.rules = rules
        self.body_limits = limits.of_bodies
        self.siblings = siblings or alone(limits.max_uploads_in_flight)
        self.places = Places(limits, free_bytes, self.siblings)

    def admit(self, arrival: Arrival) -> UploadPlace | None:
        """A place for an upload, to be released later; None for a body that is too small to count,
        at least so far.

        Raises TooLarge, TooManyImports, TooManyUploads or StorageFull; OSError if the disk can't be
        checked.
        """
        self.body_limits.require_size(arrival.content_type, arrival.size or 0)
        if arrival.size == 0:
            return None
        if not self.rules.has_room():
            raise TooManyImports("too many imports are waiting; try again in a moment")
        if arrival.size is None or arrival.size <= SMALL_BODY_BYTES:
            self.places.require_room_for_small(arrival.size or 0)
            return None
        place = UploadPlace(arrival.size)
        self.places.take(place)
        return place
