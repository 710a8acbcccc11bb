"""Where bodies go as they come in: small ones stay in memory, uploads go to a temporary file."""

import tempfile
from contextlib import suppress
from io import BytesIO
from typing import BinaryIO, cast


class BodyBuffer:
    """What waitress asks of its own buffer of a body. Not to be added to any more once it is
    read."""

    def __init__(self, most_in_memory: int) -> None:
        self._most_in_memory = most_in_memory
        self._file: BinaryIO = BytesIO()
        self._is_on_disk = False
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def append(self, data: bytes) -> None:
        """Raises OSError where the disk has no room; what was taken of it is free again then."""
        try:
            self._file.write(data)
            self._size += len(data)
            if not self._is_on_disk and self._size >= self._most_in_memory:
                self._overflow()
        except OSError:
            self._let_go()
            raise

    def settle(self) -> None:
        """Writes out what Python still holds back of small pieces, one after another of which may
        have come.

        Raises OSError: the room that is lacking has to be missed here, not when the body is read.
        """
        try:
            self._file.flush()
        except OSError:
            self._let_go()
            raise

    def getfile(self) -> BinaryIO:
        """The body from its start."""
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
        with suppress(OSError):  # what is left in Python's own buffer has no room either
            self.close()
