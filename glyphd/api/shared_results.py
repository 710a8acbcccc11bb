"""Whole results that several API processes make once and share, as files in a separate folder.

Each reader locks the result that it reads, and a maker the one that it makes: the system releases
the locks of a killed process. There is no state outside the folder.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from threading import Thread
from weakref import ref

from glyphd.api.answer_files import Write, written
from glyphd.api.kept_results import (
    KEPT_SECONDS,
    MOST_UNREAD,
    HeldFile,
    KeptResults,
    WholeResults,
)
from glyphd.api.leaving import client_left
from glyphd.disk import ScratchSpace
from glyphd.errors import ClientLeft
from glyphd.private_files import FOR_OWNER, make_folder
from glyphd.scratch import results_folder
from glyphd.services import Services
from glyphd.siblings.family import Siblings

_LOOK_SECONDS = 0.05
_SWEEP_SECONDS = 1.0
_WANTED_SECONDS = 1.0
"""How many seconds after its last poll a request still counts as waiting for a result."""
_PART = ".part"


@dataclass(frozen=True)
class _Unread:
    path: Path
    size: int
    since: float


class SharedResults:
    """The results of all processes of a service.

    What `KeptResults` says of unread results holds for those of all processes together.
    """

    def __init__(
        self,
        folder: Path,
        siblings: Siblings,
        space: ScratchSpace,
        most_unread_bytes: int,
        kept_seconds: float = KEPT_SECONDS,
    ) -> None:
        make_folder(folder)
        self._folder = folder
        self._siblings = siblings
        self._space = space
        self._most_unread_bytes = most_unread_bytes
        self._kept_seconds = kept_seconds
        space.make_room = self.drop_unread
        space.kept_bytes = self.kept_bytes
        Thread(target=_sweep_regularly, args=(ref(self),), name="results", daemon=True).start()

    def open(self, tag: str, write: Write) -> HeldFile:
        name = sha256(tag.encode()).hexdigest()
        while True:
            taken = self._taken(name)
            if taken is None:
                if client_left():
                    raise ClientLeft("the client disconnected before its answer was complete")
                time.sleep(_LOOK_SECONDS)
                continue
            descriptor, is_new = taken
            if is_new:
                self._make(name, descriptor, write)
            size = os.fstat(descriptor).st_size
            return HeldFile(descriptor, size, partial(self._release, descriptor))

    def drop_unread(self) -> bool:
        """Removes all files without readers; returns whether there were any."""
        with self._siblings.locked():
            unread = self._unread()
            for result in unread:
                result.path.unlink()
        return bool(unread)

    def sweep(self) -> None:
        """Removes results that have been unread for too long or take too much space, and unfinished
        ones of killed processes."""
        with self._siblings.locked():
            self._drop_excess()
            for path in self._folder.glob(f"*{_PART}"):
                with _locked_alone(path) as is_free:
                    if is_free:
                        path.unlink()

    def kept_bytes(self) -> int:
        """The size of all complete results."""
        return sum(path.stat().st_size for path in self._complete())

    def _taken(self, name: str) -> tuple[int, bool] | None:
        """An open file, and whether it is to be written; None while another process writes it."""
        part = self._part(name)
        with self._siblings.locked():
            with suppress(FileNotFoundError):
                found = os.open(self._folder / name, os.O_RDONLY)
                fcntl.flock(found, fcntl.LOCK_SH)
                return found, False
            new = os.open(part, os.O_CREAT | os.O_RDWR, FOR_OWNER)
            try:
                fcntl.flock(new, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                _touch(new)  # shows the maker that a request waits
                os.close(new)
                return None
            os.ftruncate(new, 0)
            return new, True

    def _make(self, name: str, descriptor: int, write: Write) -> None:
        part = self._part(name)
        began = os.fstat(descriptor).st_atime_ns

        def is_unwanted() -> bool:
            """While others wait for it, it is made to its end whether or not its client stays."""
            looked_at = os.fstat(descriptor).st_atime_ns
            has_waiters = looked_at != began and time.time() - looked_at / 1e9 < _WANTED_SECONDS
            return not has_waiters and client_left()

        try:
            file = written(write, self._space, is_unwanted, descriptor)
            with self._siblings.locked():
                part.rename(self._folder / name)
                fcntl.flock(descriptor, fcntl.LOCK_SH)
            file.close()
        except BaseException:
            with self._siblings.locked():
                part.unlink(missing_ok=True)
            os.close(descriptor)
            raise

    def _release(self, descriptor: int) -> None:
        with self._siblings.locked():
            _touch(descriptor)  # unread from now on, unless another request reads it
            os.close(descriptor)
            self._drop_excess()

    def _drop_excess(self) -> None:
        """Removes the unread results that may not stay: those that were unread longest."""
        room = self._room()
        expired = time.time() - self._kept_seconds
        kept_bytes = 0
        for count, result in enumerate(self._unread(), 1):
            kept_bytes += result.size
            if count > MOST_UNREAD or kept_bytes > room or result.since < expired:
                result.path.unlink()

    def _unread(self) -> list[_Unread]:
        """Those without readers, the latest first."""
        found = []
        for path in self._complete():
            with _locked_alone(path) as is_free:
                if is_free:
                    status = path.stat()
                    found.append(_Unread(path, status.st_size, status.st_mtime))
        return sorted(found, key=lambda result: result.since, reverse=True)

    def _complete(self) -> list[Path]:
        return [path for path in self._folder.iterdir() if path.suffix != _PART]

    def _part(self, name: str) -> Path:
        return self._folder / f"{name}{_PART}"

    def _room(self) -> int:
        with suppress(OSError):
            return min(self._most_unread_bytes, self._space.free_beyond_reserve())
        return 0


def open_results(services: Services) -> WholeResults:
    """The whole results of this process, or of all processes of its service."""
    most = services.settings.max_kept_result_bytes
    siblings = services.siblings
    if siblings.count == 1:
        return KeptResults(services.scratch, most)
    folder = results_folder(services.settings, siblings.id)
    return SharedResults(folder, siblings, services.scratch, most)


@contextmanager
def _locked_alone(path: Path) -> Iterator[bool]:
    """Whether no other process has locked the file; it stays locked for the block."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(descriptor)


def _touch(descriptor: int) -> None:
    """Sets the file's times: not the system's coarse ones, which would be the same for several."""
    now = time.time_ns()
    os.utime(descriptor, ns=(now, now))


def _sweep_regularly(reference: "Callable[[], SharedResults | None]") -> None:
    """Runs until the application ends."""
    while (results := reference()) is not None:
        with suppress(OSError):
            results.sweep()
        del results
        time.sleep(_SWEEP_SECONDS)
