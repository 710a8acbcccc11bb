"""Stores bodies as they arrive: small ones in memory, uploads in a temporary file."""

import tempfile
from contextlib import suppress
from io import BytesIO
from typing import BinaryIO, cast


class BodyBuffer:
    """Has the interface of waitress's buffer for a body. Nothing can be added after it was read."""

    def __init__(self, most_in_memory: int) -> None:
        self._most_in_memory = most_in_memory
        self._file: BinaryIO = BytesIO()
        self._is_on_disk = False
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def append(self, data: bytes) -> None:
        """Raises OSError if the disk is full; the space that was used is then free again."""
        try:
            self._file.write(data)
            self._size += len(data)
            if not self._is_on_disk and self._size >= self._most_in_memory:
                self._overflow()
        except OSError:
            self._let_go()
            raise

    def settle(self) -> None:
        """Writes Python's buffer of small pieces to the file.

        Raises OSError: a full disk must be noticed here, not when the body is read.
        """
        try:
            self._file.flush()
        except OSError:
            self._let_go()
            raise

    def getfile(self) -> BinaryIO:
        """The body, at its start."""
        self._file.seek(0)
        return self._file

    def close(self) -> None:
        self._file.close()

    def _overflow(self) -> None:
        held = self._file
        spooled = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the buffer
        self._file = cast(BinaryIO, spooled)
        self._is_on_disk = True
        held.seek(0)
        self._file.write(held.read())

    def _let_go(self) -> None:
        with suppress(OSError):  # the rest in Python's own buffer does not fit either
            self.close()
