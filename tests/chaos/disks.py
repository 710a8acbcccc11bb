"""Small disks that can be filled and emptied, and read-only mounts. Both need root."""

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

BLOCK_BYTES = 4096


@dataclass(frozen=True)
class SmallDisk:
    """A disk of its own, mounted at `folder`."""

    folder: Path

    @property
    def ballast(self) -> Path:
        return self.folder / "ballast"

    def fill(self, leave: int) -> None:
        """Fills the disk until `leave` bytes are free, even while other processes write."""
        self.free()
        with self.ballast.open("wb") as file:
            while not self._take(file.fileno(), leave):
                continue

    def _take(self, descriptor: int, leave: int) -> bool:
        """False if another process wrote after the free space was measured."""
        try:
            os.posix_fallocate(descriptor, 0, max(1, shutil.disk_usage(self.folder).free - leave))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            return False
        return True

    def free(self) -> None:
        self.ballast.unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[SmallDisk]:
    """A file system in memory of `size` bytes. Mounting it needs root, or a kernel that lets other
    users mount."""
    folder.mkdir()
    _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder)
    try:
        yield SmallDisk(folder)
    finally:
        _run("umount", "--lazy", folder)


@contextmanager
def read_only_mount(path: Path) -> Iterator[None]:
    """A read-only mount of the file or folder over itself until the end of the block."""
    with TemporaryDirectory() as folder:
        beside = Path(folder) / "mount"
        beside.mkdir() if path.is_dir() else beside.touch()
        # Made read-only elsewhere first: in its final place a file could be opened for writing in
        # between, which prevents the remount.
        _run("mount", "--bind", path, beside)
        try:
            _run("mount", "-o", "remount,bind,ro", beside)
            _run("mount", "--bind", beside, path)
        finally:
            _run("umount", beside)
    try:
        yield
    finally:
        _run("umount", "--lazy", path)


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True)


def why_nothing_can_be_mounted() -> str | None:
    """Why this process can't mount anything; None if it can."""
    with TemporaryDirectory() as name:
        try:
            with small_disk(Path(name) / "disk", BLOCK_BYTES):
                return None
        except (OSError, subprocess.CalledProcessError):
            return "mounting disks takes root"
