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
"""Room is asked for in steps of this size."""

_LOOK_SECONDS = 0.25


class AnswerFile(io.BufferedRandom):
    """An unlinked file that asks for room before it grows, and gives the room back when it is
    closed.

    Writing raises StorageFull where there is no room, and ClientLeft soon after nobody waits for
    the answer any more.
    """

    def __init__(self, space: ScratchSpace) -> None:
        self._space = space
        self._taken = self._written = 0
        self._looked_at = time.monotonic()
        space.take(0)
        with tempfile.TemporaryFile(dir=space.folder, buffering=0) as unbuffered:
            super().__init__(io.FileIO(os.dup(unbuffered.fileno()), "w+b"))

    def write(self, data: Any) -> int:
        count = len(data)
        now = time.monotonic()
        if now - self._looked_at > _LOOK_SECONDS:
            self._looked_at = now
            if client_left():
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


def written(write: Callable[[BinaryIO], None], space: ScratchSpace) -> BinaryIO:
    """A scratch file, written and at its start again. Whoever sends it closes it.

    Raises StorageFull, ClientLeft, and OSError where the disk is full even so.
    """
    with ExitStack() as stack:
        file = cast(BinaryIO, stack.enter_context(AnswerFile(space)))
        write(file)
        file.flush()
        file.seek(0)
        stack.pop_all()
    return file
