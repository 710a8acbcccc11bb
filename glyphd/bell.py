"""A bell beside the queue: a named pipe that wakes a worker immediately. It is only an
optimization: a worker that misses it checks the queue soon anyway."""

import os
import select
import stat
import time
from contextlib import suppress
from pathlib import Path

_MOST_RINGS = 4096


class Bell:
    """One process rings it, another one on the same machine waits for it; containers can share its
    folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pipe: int | None = None

    def ring(self) -> None:
        """Wakes one waiting process. It is no error if none is waiting."""
        with suppress(OSError):
            pipe = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK)
            try:
                if stat.S_ISFIFO(os.fstat(pipe).st_mode):
                    os.write(pipe, b"!")
            finally:
                os.close(pipe)

    def wait(self, seconds: float) -> None:
        """Returns when the bell is rung, or when the time is up. If no pipe can be created, it only
        waits."""
        if self._pipe is None:
            with suppress(OSError):
                self._pipe = self._open()
        if self._pipe is None:
            time.sleep(seconds)
        elif select.select([self._pipe], [], [], seconds)[0]:
            with suppress(BlockingIOError):  # another process was faster
                os.read(self._pipe, _MOST_RINGS)

    def _open(self) -> int | None:
        """Opened for reading and writing: a pipe without a writer would be at its end."""
        with suppress(FileExistsError):
            os.mkfifo(self._path, 0o600)
        pipe = os.open(self._path, os.O_RDWR | os.O_NONBLOCK)
        if stat.S_ISFIFO(os.fstat(pipe).st_mode):
            return pipe
        os.close(pipe)
        return None
