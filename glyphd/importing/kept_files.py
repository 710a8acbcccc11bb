"""The kept file of an import as bytes: opened to be read as text, and unpacked if it is gzip."""

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any, BinaryIO, cast

from glyphd.db.registry_models import Job
from glyphd.errors import SourceMissing, UnreadableFile
from glyphd.importing.intake import GZIP
from glyphd.uploads import UploadStore

READ_BYTES = 1 << 20
"""Bytes read, or unpacked, at a time."""

GoOn = Callable[[], None]
"""Called repeatedly while a file is read; raises to stop reading."""


def carry_on() -> None:
    """Never stops reading."""


def open_upload(uploads: UploadStore, job: Job) -> BinaryIO:
    """The upload as received. Raises SourceMissing if it does not exist."""
    try:
        return uploads.open(str(job.upload_name))
    except FileNotFoundError:
        raise SourceMissing(
            f"the kept file of import {job.import_id} is missing", import_id=job.import_id
        ) from None


def measure(uploads: UploadStore, job: Job) -> tuple[int, str]:
    """Size and SHA-256 (hex) of the kept upload. Raises SourceMissing."""
    digest = sha256()
    with open_upload(uploads, job) as file:
        while block := file.read(READ_BYTES):
            digest.update(block)
        return file.tell(), digest.hexdigest()


@contextmanager
def open_kept(
    uploads: UploadStore, job: Job, *, max_unpacked_bytes: int, go_on: GoOn = carry_on
) -> Iterator[tuple[BinaryIO, io.BufferedReader]]:
    """The upload as received, and unpacked for reading.

    Raises SourceMissing if it does not exist, and UnreadableFile for gzip that is damaged or
    unpacks to too much.
    """
    with open_upload(uploads, job) as kept:
        watched = _Watched(kept, go_on)
        if job.content_encoding != GZIP:
            yield kept, io.BufferedReader(watched, READ_BYTES)
            return
        yield kept, io.BufferedReader(_Unpacked(watched, max_unpacked_bytes), READ_BYTES)


class _Watched(io.RawIOBase):
    """A file that calls `go_on` before every block, because it can be a single line, or a billion
    blank ones."""

    def __init__(self, file: BinaryIO, go_on: GoOn) -> None:
        self._file = file
        self._go_on = go_on

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._go_on()
        return self._file.readinto(buffer)  # type: ignore[attr-defined,no-any-return]  # any file opened here has it


class _Unpacked(io.RawIOBase):
    """The unpacked contents of a gzip file. Raises UnreadableFile beyond the limit, even in the
    middle of a line, and where the data is damaged or ends too early."""

    def __init__(self, packed: io.RawIOBase, limit: int) -> None:
        self._gzip = gzip.GzipFile(fileobj=cast(BinaryIO, packed), mode="rb")
        self._limit = self._left = limit
        self._damage: UnreadableFile | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._fill(memoryview(buffer))
        if not count and self._damage is not None:
            raise self._damage
        self._left -= count
        if self._left < 0:
            raise UnreadableFile(f"the file unpacks to more than {self._limit} bytes")
        return count

    def _fill(self, buffer: memoryview) -> int:
        """How many bytes it got: fewer than there is space for only at the end or before
        damage."""
        count = 0
        try:
            while self._damage is None and (more := self._gzip.readinto1(buffer[count:])):
                count += more
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            what = f"the gzip data is damaged or truncated: {error}"
            self._damage = UnreadableFile(what)
        return count
