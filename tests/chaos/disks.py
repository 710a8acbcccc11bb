"""Small disks that can be filled up and freed, and mounts that can only be read. They take root."""

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
        """Takes all room but so many bytes."""
        self.free()
        size = shutil.disk_usage(self.folder).free - leave
        with self.ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)

    def free(self) -> None:
        self.ballast.unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[SmallDisk]:
    """A file system in memory of so many bytes. Mounting one takes root, or a kernel that lets others do it too."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def read_only_mount(path: Path) -> Iterator[None]:
    """The file or folder as a read-only mount over itself, as long as the block."""
    subprocess.run(["mount", "--bind", path, path], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", path], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


def why_nothing_can_be_mounted() -> str | None:
    """Why this process can't mount anything; None when it can."""
    with TemporaryDirectory() as name:
        try:
            with small_disk(Path(name) / "disk", BLOCK_BYTES):
                return None
        except (OSError, subprocess.CalledProcessError):
            return "mounting disks takes root"
