"""Scratch files of answers that are too large for memory."""

import io
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, BinaryIO, cast

from glyphd.api.leaving import client_left
from glyphd.disk import ScratchSpace
from glyphd.errors import ClientLeft

STEP_BYTES = 1024 * 1024
"""Space is reserved in steps of this size."""

_LOOK_SECONDS = 0.25

Write = Callable[[BinaryIO], None]


class AnswerFile(io.BufferedRandom):
    """A file that reserves space before it grows, and releases it when it is closed.

    It has no name, unless `descriptor` is an open file that has one.

    Writing raises StorageFull if there is no space, and ClientLeft soon after `is_unwanted()` is
    true: no client waits for the answer any more.
    """

    def __init__(
        self, space: ScratchSpace, is_unwanted: Callable[[], bool], descriptor: int | None = None
    ) -> None:
        self._space = space
        self._is_unwanted = is_unwanted
        self._taken = self._written = 0
        self._looked_at = time.monotonic()
        space.take(0)
        if descriptor is None:
            with tempfile.TemporaryFile(dir=space.folder, buffering=0) as unbuffered:
                copy = os.dup(unbuffered.fileno())
        else:
            copy = os.dup(descriptor)
        super().__init__(io.FileIO(copy, "w+b"))

    def write(self, data: Any) -> int:
        count = len(data)
        now = time.monotonic()
        if now - self._looked_at > _LOOK_SECONDS:
            self._looked_at = now
            if self._is_unwanted():
                raise ClientLeft("the client disconnected before its answer was complete")
        while self._written + count > self._taken:
            self._space.take(STEP_BYTES)
            self._taken += STEP_BYTES
        self._written += count
        return super().write(data)

    def close(self) -> None:
        try:
            super().close()
        finally:
            taken, self._taken = self._taken, 0
            self._space.give_back(taken)


def written(
    write: Write,
    space: ScratchSpace,
    is_unwanted: Callable[[], bool] = client_left,
    descriptor: int | None = None,
) -> BinaryIO:
    """A written scratch file, at its start. The caller closes it.

    Raises StorageFull, ClientLeft, and OSError if the disk is full nevertheless.
    """
    with ExitStack() as stack:
        file = cast(BinaryIO, stack.enter_context(AnswerFile(space, is_unwanted, descriptor)))
        write(file)
        file.flush()
        file.seek(0)
        stack.pop_all()
    return file
