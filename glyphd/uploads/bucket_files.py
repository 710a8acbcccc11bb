"""Objects of a bucket as files: readable at any position, and written locally before they are
sent."""

import io
import os
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from glyphd.seekable import Seekable
from glyphd.uploads.bucket_client import BucketClient

FIRST_BLOCK_BYTES = 256 << 10
MOST_BLOCK_BYTES = 4 << 20


class KeptObject(Seekable):
    """An object, read block by block, each with a separate request.

    Each block of a sequential read is twice as long as the previous one, up to MOST_BLOCK_BYTES:
    reading a few bytes fetches little, reading everything makes few requests. No response stays
    open while the reader is busy elsewhere, because the bucket would close it.
    """

    def __init__(self, client: BucketClient, name: str) -> None:
        """Raises FileNotFoundError and UploadsUnavailable, as reading does."""
        super().__init__(client.size(name))
        self._client = client
        self._object = name
        self._block = memoryview(b"")
        self._block_start = 0
        self._next_bytes = FIRST_BLOCK_BYTES

    def readinto(self, buffer: Any) -> int:
        if self._at >= self._size:
            return 0
        if not 0 <= self._at - self._block_start < len(self._block):
            self._fetch()
        found = self._block[self._at - self._block_start :][: len(buffer)]
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)

    def _fetch(self) -> None:
        """The block at the current position."""
        follows = bool(self._block) and self._at == self._block_start + len(self._block)
        self._next_bytes = (
            min(2 * self._next_bytes, MOST_BLOCK_BYTES) if follows else FIRST_BLOCK_BYTES
        )
        self._block = memoryview(b"")  # not two blocks in memory
        length = min(self._next_bytes, self._size - self._at)
        self._block = self._client.read(self._object, self._at, length)
        self._block_start = self._at


class Draft(io.BufferedRandom):
    """A local file with the future contents of an object. It is unnamed, so a crash leaves nothing
    to clean up, even if an import writes to it for hours."""

    def __init__(self, folder: Path, name: str) -> None:
        self.object_name = name
        with TemporaryFile(dir=folder, buffering=0) as unbuffered:
            super().__init__(io.FileIO(os.dup(unbuffered.fileno()), "w+b"))
