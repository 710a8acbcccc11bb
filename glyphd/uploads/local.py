"""Uploads in a local folder."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from glyphd.disk import is_out_of_room
from glyphd.errors import StorageFull
from glyphd.private_files import FOR_OWNER, make_folder, sync_folder
from glyphd.uploads.digests import FollowingDigest
from glyphd.uploads.store import HEAD_BYTES

# Up to this size a file is written in one step, and a second sync takes longer.
_QUICKLY_SYNCED_BYTES = 8 << 20
_CREATE = os.O_CREAT | os.O_RDWR


class LocalUploads:
    """One flat folder. Incomplete files end in `.part`; complete ones get their name by a
    rename."""

    has_local_files = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def receive(self) -> Iterator["LocalReceiving"]:
        with no_room_named():
            make_folder(self.folder)
        receiving = LocalReceiving(self.folder)
        try:
            yield receiving
        finally:
            receiving.close()

    def put(self, name: str, data: bytes) -> None:
        with self.receive() as receiving:
            receiving.write(data)
            receiving.keep(name)

    def create(self, name: str) -> BinaryIO:
        make_folder(self.folder)
        return os.fdopen(os.open(self._path(name), _CREATE | os.O_TRUNC, FOR_OWNER), "wb")

    def settle(self, file: BinaryIO) -> None:
        with file:
            file.flush()
            os.fsync(file.fileno())
        sync_folder(self.folder)

    def open(self, name: str) -> BinaryIO:
        return self._path(name).open("rb")

    def size(self, name: str) -> int:
        return self._path(name).stat().st_size

    def names(self) -> list[str]:
        try:
            return [path.name for path in self.folder.iterdir() if path.suffix != ".part"]
        except FileNotFoundError:
            return []

    def age(self, name: str) -> float:
        try:
            return max(0.0, time.time() - self._path(name).stat().st_mtime)
        except FileNotFoundError:
            return 0.0

    def delete(self, name: str) -> None:
        self._path(name).unlink(missing_ok=True)

    def forget_unfinished(self, older_than_seconds: float) -> int:
        old = time.time() - older_than_seconds
        stale = [path for path in self.folder.glob("*.part") if _changed_before(path, old)]
        for path in stale:
            path.unlink(missing_ok=True)
        return len(stale)

    def check_writable(self) -> None:
        with self.receive() as receiving:
            receiving.write(b"\n")

    def _path(self, name: str) -> Path:
        return _path_in(self.folder, name)


class LocalReceiving:
    """A `.part` file, and after `start_digest` the SHA-256 of its contents."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.path = folder / f"{uuid4()}.part"
        self._digest: FollowingDigest | None = None
        self._kept = False
        self.size, self.head = 0, b""
        with no_room_named():
            self._file = os.fdopen(
                os.open(self.path, _CREATE | os.O_EXCL, FOR_OWNER), "w+b", buffering=0
            )

    @property
    def sha256(self) -> str:
        if self._digest is None and self.size == len(self.head):
            return sha256(self.head).hexdigest()  # faster than starting a thread
        digested = self._started_digest().catch_up(self.size)
        if self.size > _QUICKLY_SYNCED_BYTES:
            self._sync_early()
        return digested.result()

    def write(self, data: bytes | bytearray) -> None:
        left = memoryview(data)
        with no_room_named():
            while left:
                left = left[self._file.write(left) :]
        self.size += len(data)
        if len(self.head) < HEAD_BYTES:
            self.head += data[: HEAD_BYTES - len(self.head)]
        if self._digest is not None:
            self._digest.follow(self.size)

    def start_digest(self) -> None:
        self._started_digest().follow(self.size)

    def keep(self, name: str) -> None:
        path = _path_in(self._folder, name)
        with no_room_named():
            os.fsync(self._file.fileno())
            self.path.rename(path)
            self._kept = True
            sync_folder(self._folder)

    def close(self) -> None:
        if self._digest is not None:
            self._digest.close()
        self._file.close()
        if not self._kept:
            self.path.unlink(missing_ok=True)

    def _sync_early(self) -> None:
        """Syncs in parallel with the thread that digests, which takes about as long."""
        with no_room_named():
            os.fsync(self._file.fileno())

    def _started_digest(self) -> FollowingDigest:
        if self._digest is None:
            self._digest = FollowingDigest(self._file.fileno())
        return self._digest


def _path_in(folder: Path, name: str) -> Path:
    require_plain(name)
    return folder / name


def require_plain(name: str) -> None:
    """Raises ValueError for a name with a separator, which would be a bug."""
    if name in ("", "..") or Path(name).name != name:
        raise ValueError(f"not a plain file name: {name!r}")


def _changed_before(path: Path, moment: float) -> bool:
    try:
        return path.stat().st_mtime < moment
    except FileNotFoundError:
        return False


@contextmanager
def no_room_named() -> Iterator[None]:
    """Raises StorageFull if the system reports that there is no space left."""
    try:
        yield
    except OSError as error:
        if is_out_of_room(error):
            raise StorageFull("there is no space left for uploads") from error
        raise
