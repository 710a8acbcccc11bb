"""Where bodies go as they come in: small ones stay in memory, uploads go to a file that the store can take over."""

import re
from contextlib import suppress
from io import BytesIO
from typing import BinaryIO

from glyphd.api.forms import FORM_ENVELOPE_BYTES, MULTIPART
from glyphd.scratch import unnamed_file
from glyphd.uploads import Spool

_FILE_HEADER = re.compile(rb'\bname="?file"?(?:;[^\r\n]*)?\r\n(?:[^\r\n]+\r\n)*\r\n')


class BodyBuffer:
    """What waitress asks of its own buffer of a body. Not to be added to any more once it is read."""

    def __init__(self, content_type: str, most_in_memory: int) -> None:
        self._content_type = content_type
        self._most_in_memory = most_in_memory
        self._held = BytesIO()
        self._spool: Spool | None = None
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def append(self, data: bytes) -> None:
        """Raises OSError where the disk has no room; what was taken of it is free again then."""
        try:
            self._add(data)
        except OSError:
            with suppress(OSError):  # what is left in Python's own buffer has no room either
                self.close()
            raise

    def getfile(self) -> BinaryIO | Spool:
        """The body from its start."""
        file = self._held if self._spool is None else self._spool.file
        file.seek(0)
        return self._spool or file

    def close(self) -> None:
        self._held.close()
        if self._spool is not None:
            self._spool.file.close()

    def _add(self, data: bytes) -> None:
        self._size += len(data)
        if self._spool is not None:
            _write(self._spool.file, data)
            return
        self._held.write(data)
        if self._size >= self._most_in_memory:
            self._overflow()

    def _overflow(self) -> None:
        held = self._held.getvalue()
        length = lead_length(self._content_type, held)
        self._spool = Spool(held[:length], unnamed_file())
        _write(self._spool.file, held[length:])
        self._held = BytesIO()


def lead_length(content_type: str, start: bytes) -> int:
    """How much of a body stands before its file, going by its first bytes.

    A guess: whoever takes the form apart finds out whether it was right, and copies the file where it was not.
    """
    if not content_type.lower().startswith(MULTIPART):
        return 0
    header = _FILE_HEADER.search(start, 0, FORM_ENVELOPE_BYTES)
    return header.end() if header else 0


def _write(file: BinaryIO, data: bytes) -> None:
    """All of it at once: the room that is lacking has to be missed here, not when the body is read."""
    file.write(data)
    file.flush()
