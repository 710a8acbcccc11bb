"""Free space on the disk for uploads and scratch files."""

import errno
import shutil
from collections.abc import Callable
from pathlib import Path

from glyphd.descriptors import is_out_of_descriptors
from glyphd.errors import StorageFull, Unavailable
from glyphd.settings import Settings
from glyphd.siblings.family import OfProcess, Siblings, alone

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_UNUSABLE = (errno.EROFS, errno.EIO)


def free_disk_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def require_free_disk(settings: Settings) -> None:
    """Raises StorageFull if uploads would be refused for lack of space."""
    if free_disk_bytes(settings.scratch_dir) <= settings.disk_reserve_bytes:
        raise StorageFull("the disk is nearly full: uploads are refused")


def is_out_of_room(error: BaseException) -> bool:
    """Whether the system refused to write because there is no space left, on the disk or within a
    quota or a limit."""
    return isinstance(error, OSError) and error.errno in _NO_ROOM


def is_of_system(error: BaseException) -> bool:
    """Whether the system, and not a bug in glyphd, is why something could not be written or
    opened."""
    is_unusable = isinstance(error, OSError) and error.errno in _UNUSABLE
    return is_unusable or is_out_of_room(error) or is_out_of_descriptors(error)


def named_trouble(error: OSError) -> Unavailable:
    """The failure for a system error that occurred while something was written or opened."""
    if is_out_of_room(error):
        return StorageFull("there is no space left on the disk")
    if is_out_of_descriptors(error):
        return Unavailable("too many files and connections are open; try again in a moment")
    return Unavailable("the disk can't be read or written", reason=str(error))


class ScratchSpace:
    """The disk space of the scratch files of all answers together, those of all API processes.

    It has a limit and never uses the disk's reserve, because a slow reader keeps its file for a
    long time. `make_room` closes files without readers, and returns whether there were any.
    `kept_bytes` is the size of files that belong to no process.
    """

    def __init__(
        self,
        settings: Settings,
        free_bytes: Callable[[Path], int] = free_disk_bytes,
        siblings: Siblings | None = None,
    ) -> None:
        self.folder = settings.scratch_dir
        self._budget = settings.max_scratch_bytes
        self._reserve = settings.disk_reserve_bytes
        self._free_bytes = free_bytes
        self._siblings = siblings or alone()
        self.make_room: Callable[[], bool] = lambda: False
        self.kept_bytes: Callable[[], int] = lambda: 0

    def take(self, count: int) -> None:
        """Reserves space for bytes that are about to be written. Raises StorageFull."""
        try:
            self._take(count)
        except StorageFull:
            if not self.make_room():
                raise
            self._take(count)

    def free_beyond_reserve(self) -> int:
        """Bytes that are free on the disk, without the reserve."""
        return self._free_bytes(self.folder) - self._reserve

    def _take(self, count: int) -> None:
        with self._siblings.locked():
            taken = self._siblings.total(OfProcess.SCRATCH_BYTES) + self.kept_bytes()
            if taken + count > self._budget:
                raise StorageFull(
                    "temporary files of other answers use all the space allowed for them"
                )
            if self.free_beyond_reserve() < count:
                raise StorageFull("there is too little space on the disk for this answer")
            self._siblings.own[OfProcess.SCRATCH_BYTES] += count

    def give_back(self, count: int) -> None:
        with self._siblings.locked():
            self._siblings.own[OfProcess.SCRATCH_BYTES] -= count
