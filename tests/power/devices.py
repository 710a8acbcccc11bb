"""Block devices that can be copied at a moment, as if the power had failed: loop devices over plain
files."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TOOLS = ("losetup", "mkfs.ext4", "mount", "umount")
# Nothing may be written in the background without a sync: no late initialisation, no commit
# every five seconds.
MAKE = ["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"]
MOUNT_OPTIONS = "noatime,commit=300"
COMPLETED_WRITES, IN_FLIGHT, COMPLETED_FLUSHES = 4, 8, 15
"""Positions in /sys/block/loopN/stat."""

PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class Device:
    """A mounted loop device and the file that holds its blocks."""

    blocks: Path
    name: str
    folder: Path

    def copy(self, target: Path) -> None:
        """Copies the blocks as they are at one moment; if one was written meanwhile, copies them
        again.

        Dirty pages of the file system are not included, as after a power cut.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            before = self._writes()
            shutil.copyfile(self.blocks, target)
            if before == self._writes() and before[1] == 0:
                return
            assert time.monotonic() < deadline, f"{self.name} never rested"

    def _writes(self) -> tuple[int, ...]:
        stat = Path("/sys/block", self.name, "stat").read_text().split()
        return tuple(int(stat[at]) for at in (COMPLETED_WRITES, IN_FLIGHT, COMPLETED_FLUSHES))


def make_blocks(blocks: Path, size: int) -> None:
    """Creates an empty file system in a file."""
    with blocks.open("wb") as file:
        os.truncate(file.fileno(), size)
    subprocess.run([*MAKE, blocks], check=True)


@contextmanager
def mounted(blocks: Path, folder: Path) -> Iterator[Device]:
    """The file system in the file, mounted; its journal is replayed as after a power cut."""
    folder.mkdir(exist_ok=True)
    found = subprocess.run(
        ["losetup", "--find", "--show", blocks], check=True, capture_output=True, text=True
    )
    loop = found.stdout.strip()
    try:
        subprocess.run(["mount", "-t", "ext4", "-o", MOUNT_OPTIONS, loop, folder], check=True)
        try:
            yield Device(blocks, Path(loop).name, folder)
        finally:
            subprocess.run(["umount", folder], check=True)
    finally:
        subprocess.run(["losetup", "--detach", loop], check=True)


def why_there_is_none(folder: Path) -> str | None:
    """Why this machine can't mount a loop device; None if it can."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    blocks = folder / "probe"
    try:
        make_blocks(blocks, 8 * 1024 * 1024)
        with mounted(blocks, folder / "probed"):
            return None
    except (OSError, subprocess.CalledProcessError) as error:
        return f"no loop device can be mounted: {error}"
    finally:
        blocks.unlink(missing_ok=True)
