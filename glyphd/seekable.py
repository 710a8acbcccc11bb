"""The base of files that can be read from any position, like Python's file objects."""

import io
import os


class Seekable(io.RawIOBase):
    """This many bytes to be read; `readinto` reads at `_at` and moves it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        starts = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}
        self._at = max(starts[whence] + offset, 0)
        return self._at
