"""Whole results in scratch files: each is made once, and all its requests read the same file.
`shared_results` does the same for several processes."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from threading import Condition, Thread
from typing import BinaryIO, Protocol
from weakref import finalize, ref

from glyphd.api.answer_files import Write, written
from glyphd.api.leaving import client_left
from glyphd.disk import ScratchSpace
from glyphd.errors import ClientLeft

KEPT_SECONDS = 300.0
"""How many seconds a result is kept after its last reader."""

MOST_UNREAD = 32
"""The most results that are kept, because each has a descriptor, however small it is."""

_SWEEP_SECONDS = 1.0
_LOOK_SECONDS = 0.25


@dataclass(frozen=True)
class HeldFile:
    """A file that several readers read, each at its own position. `release` is called once, when
    this one is done."""

    fileno: int
    size: int
    release: Callable[[], None]


class WholeResults(Protocol):
    """Whole results by their strong entity tags, which name everything that their bytes depend
    on."""

    def open(self, tag: str, write: Write) -> HeldFile:
        """The result with this tag, written unless it is kept or being written.

        Raises what `write` raises, StorageFull, and ClientLeft.
        """


class _Result:
    """One result. It has no file while it is being made.

    `holders` counts the requests that make it, wait for it or read it. One without holders is
    unread.
    """

    def __init__(self) -> None:
        self.file: BinaryIO | None = None
        self.size = 0
        self.holders = 0
        self.has_failed = False
        self.unread_since = 0.0


class KeptResults:
    """The results of one process.

    A result that is being read stays. Unread ones are kept for some minutes, the latest first, as
    long as they take no more than `most_unread_bytes` and no more than half of the disk's free
    space beyond the reserve; all of them are dropped when another answer needs their space.
    """

    def __init__(
        self, space: ScratchSpace, most_unread_bytes: int, kept_seconds: float = KEPT_SECONDS
    ) -> None:
        self._space = space
        self._most_unread_bytes = most_unread_bytes
        self._kept_seconds = kept_seconds
        self._results: dict[str, _Result] = {}
        self._changed = Condition()
        self._is_swept = False
        space.make_room = self.drop_unread
        finalize(self, _close_all, self._results)

    def open(self, tag: str, write: Write) -> HeldFile:
        while True:
            result, is_new = self._take(tag)
            release = partial(self._release, tag, result)
            try:
                if is_new:
                    self._make(tag, result, write)
                else:
                    self._await(result)
            except BaseException:
                release()
                raise
            if result.file is not None:
                return HeldFile(result.file.fileno(), result.size, release)
            release()  # the writer has failed: this thread tries by itself

    def drop_unread(self) -> bool:
        """Closes all files without readers; returns whether there were any."""
        with self._changed:
            unread = self._unread()
            for tag in unread:
                del self._results[tag]
        _close_all(unread)
        return bool(unread)

    def _take(self, tag: str) -> tuple[_Result, bool]:
        with self._changed:
            is_new = tag not in self._results
            result = self._results.setdefault(tag, _Result())
            result.holders += 1
            return result, is_new

    def _make(self, tag: str, result: _Result, write: Write) -> None:
        try:
            # While others wait for it, it is made to its end whether or not its first client stays.
            file = written(write, self._space, lambda: result.holders == 1 and client_left())
            result.size = file.seek(0, 2)
            result.file = file
        except BaseException:
            with self._changed:
                result.has_failed = True
                del self._results[tag]
            raise
        finally:
            with self._changed:
                self._changed.notify_all()

    def _await(self, result: _Result) -> None:
        """Returns when the result is made, or when that has failed."""
        with self._changed:
            while result.file is None and not result.has_failed:
                if not self._changed.wait(_LOOK_SECONDS) and client_left():
                    raise ClientLeft("the client disconnected before its answer was complete")

    def _release(self, tag: str, result: _Result) -> None:
        with self._changed:
            result.holders -= 1
            if result.holders or result.has_failed:
                return
            result.unread_since = time.monotonic()
            self._results[tag] = self._results.pop(tag)  # the latest comes last
            excess = self._take_excess()
            if not self._is_swept and self._unread():
                self._is_swept = True
                Thread(target=_sweep_regularly, args=(ref(self),), daemon=True).start()
        _close_all(excess)

    def sweep(self) -> bool:
        """Closes what has been unread for too long or takes too much space; returns whether any is
        left."""
        with self._changed:
            excess = self._take_excess()
            self._is_swept = bool(self._unread())
            is_swept = self._is_swept
        _close_all(excess)
        return is_swept

    def _unread(self) -> dict[str, _Result]:
        return {tag: result for tag, result in list(self._results.items()) if not result.holders}

    def _take_excess(self) -> dict[str, _Result]:
        """Removes the unread results that may not stay: those that were unread longest."""
        unread = self._unread()
        room = self._room()
        expired = time.monotonic() - self._kept_seconds
        kept_bytes, excess = 0, {}
        for count, (tag, result) in enumerate(reversed(unread.items()), 1):
            kept_bytes += result.size
            if count > MOST_UNREAD or kept_bytes > room or result.unread_since < expired:
                excess[tag] = self._results.pop(tag)
        return excess

    def _room(self) -> int:
        """How many bytes unread results may take. Their own bytes do not count as free."""
        with suppress(OSError):
            return min(self._most_unread_bytes, self._space.free_beyond_reserve())
        return 0


def _close_all(results: dict[str, _Result]) -> None:
    for result in list(results.values()):
        if result.file is not None:
            result.file.close()


def _sweep_regularly(reference: "ref[KeptResults]") -> None:
    """Ends with the last unread result, or with the application."""
    while (results := reference()) is not None and results.sweep():
        del results
        time.sleep(_SWEEP_SECONDS)
