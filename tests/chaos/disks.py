"""Small disks that can be filled up and freed, and mounts that can only be read. They take root."""

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
        """Takes all room but so many bytes, also while others write."""
        self.free()
        with self.ballast.open("wb") as file:
            while not self._take(file.fileno(), leave):
                continue

    def _take(self, descriptor: int, leave: int) -> bool:
        """False when somebody wrote after the room was measured."""
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
    """A file system in memory of so many bytes. Mounting one takes root, or a kernel that lets
    others do it too."""
    folder.mkdir()
    _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder)
    try:
        yield SmallDisk(folder)
    finally:
        _run("umount", "--lazy", folder)


@contextmanager
def read_only_mount(path: Path) -> Iterator[None]:
    """The file or folder as a read-only mount over itself, as long as the block."""
    with TemporaryDirectory() as folder:
        beside = Path(folder) / "mount"
        beside.mkdir() if path.is_dir() else beside.touch()
        # Made read-only beside: over its place somebody might open a file for writing in between,
        # which forbids that.
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
    """Why this process can't mount anything; None when it can."""
    with TemporaryDirectory() as name:
        try:
            with small_disk(Path(name) / "disk", BLOCK_BYTES):
                return None
        except (OSError, subprocess.CalledProcessError):
            return "mounting disks takes root"
