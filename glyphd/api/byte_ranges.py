"""Parts of files by the `Range` header (RFC 9110, section 14), and files that can be sent in
parts."""

import os
import re
from typing import Any

from glyphd.api.kept_results import HeldFile
from glyphd.api.request_headers import header
from glyphd.request_errors import RangeNotSatisfiable
from glyphd.seekable import Seekable

_ONE_RANGE = re.compile(r"bytes\s*=\s*(\d*)-(\d*)", re.IGNORECASE | re.ASCII)
_LONGEST_RANGE = 100


class FilePart(Seekable):
    """Some bytes of a held file, which is released when this is closed.

    It reads by position, so that many readers share one descriptor.
    """

    def __init__(self, held: HeldFile, part: range) -> None:
        super().__init__(len(part))
        self._held = held
        self._first = part.start

    def readinto(self, buffer: Any) -> int:
        wanted = max(min(len(buffer), self._size - self._at), 0)
        read = os.preadv(self._held.fileno, [memoryview(buffer)[:wanted]], self._first + self._at)
        self._at += read
        return read

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._held.release()


def range_asked(size: int, etag: str) -> range | None:
    """The requested bytes of this content; None for all of them.

    All of them is also the answer to several ranges, to a range that can't be understood, and to
    one of another version. Raises RangeNotSatisfiable.
    """
    given = header("Range").strip()
    if not given or header("If-Range").strip() not in ("", etag):
        return None
    found = _ONE_RANGE.fullmatch(given) if len(given) <= _LONGEST_RANGE else None
    if found is None or found[1] == found[2] == "":
        return None
    if found[1] == "":
        return _satisfiable(max(size - int(found[2]), 0), size, size)
    first, last = int(found[1]), int(found[2] or size)
    if found[2] and first > last:
        return None
    return _satisfiable(first, min(last + 1, size), size)


def _satisfiable(start: int, stop: int, size: int) -> range:
    if start >= stop:
        raise RangeNotSatisfiable(f"the content has {size} bytes", size=size)
    return range(start, stop)
