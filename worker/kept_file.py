"""The kept file of a job: opened to be read as text, unpacked where it is packed, in chunks that memory can hold."""

import gzip
import io
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from glyphd.db.registry_models import Job
from glyphd.errors import UnreadableFile
from glyphd.importing.intake import GZIP
from glyphd.importing.rows import Row
from glyphd.services import Services

CHUNK_ROWS = 1000
"""Rows checked and staged at a time, unless they are long ones."""

CHUNK_BYTES = 2 << 20
"""Bytes of rows held at a time: a thousand rows of a line each may be a gigabyte."""

READ_BYTES = 1 << 20
"""Bytes read, or unpacked, at a time."""

GoOn = Callable[[], None]
"""Asked again and again while a file is read; raises to end the reading."""


@contextmanager
def open_kept(services: Services, job: Job, go_on: GoOn) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """The upload as received, and as text is read from it. Raises UnreadableFile for gzip that is damaged."""
    with services.uploads.open(str(job.upload_name)) as kept:
        watched = _Watched(kept, go_on)
        if job.content_encoding != GZIP:
            yield kept, _buffered(watched)
            return
        try:
            yield kept, _buffered(_Unpacked(watched, services.settings.max_unpacked_bytes))
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise UnreadableFile(f"the gzip data is damaged or cut short: {error}") from error


def in_chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """The rows in lists of at most CHUNK_ROWS; a list ends with the row that makes it CHUNK_BYTES or more."""
    chunk: list[Row] = []
    size = 0
    for row in rows:
        chunk.append(row)
        size += row.place.length
        if size >= CHUNK_BYTES or len(chunk) == CHUNK_ROWS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


class _Watched(io.RawIOBase):
    """A file that asks before every block whether to go on: all of it may be one line, or a billion blank ones."""

    def __init__(self, file: BinaryIO, go_on: GoOn) -> None:
        self._file = file
        self._go_on = go_on

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._go_on()
        return self._file.readinto(buffer)  # type: ignore[attr-defined,no-any-return]  # any file opened here has it


class _Unpacked(io.RawIOBase):
    """What a gzip file unpacks to. Raises UnreadableFile beyond the limit, be it in the middle of a line."""

    def __init__(self, packed: io.RawIOBase, limit: int) -> None:
        self._gzip = gzip.GzipFile(fileobj=cast(BinaryIO, packed), mode="rb")
        self._limit = self._left = limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._gzip.readinto(buffer)
        self._left -= count
        if self._left < 0:
            raise UnreadableFile(f"the file unpacks to more than {self._limit} bytes")
        return count


def _buffered(raw: io.RawIOBase) -> BinaryIO:
    return cast(BinaryIO, io.BufferedReader(raw, READ_BYTES))
