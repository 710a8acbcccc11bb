"""Where tests keep their files: in memory where there is room, because an import waits for the disk
a dozen times otherwise."""

import os
import tempfile
from pathlib import Path

IN_MEMORY = Path("/dev/shm")
LEAST_BYTES = 4 << 30


def use_memory() -> None:
    """From now on temporary files are in memory: those of pytest, of this process and of the
    processes that it starts. Whoever runs the tests may have chosen another folder."""
    if "TMPDIR" not in os.environ and has_room(IN_MEMORY):
        tempfile.tempdir = str(IN_MEMORY)
        os.environ["TMPDIR"] = os.environ["PYTEST_DEBUG_TEMPROOT"] = str(IN_MEMORY)


def has_room(folder: Path) -> bool:
    """Whether many archives fit in, and programs can be run there, as some tests do."""
    if not folder.is_dir():
        return False
    found = os.statvfs(folder)
    can_run = not found.f_flag & os.ST_NOEXEC
    return can_run and found.f_bavail * found.f_frsize >= LEAST_BYTES
