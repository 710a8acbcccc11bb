"""The folder for test files: in memory if there is room, because an import otherwise waits for the
disk a dozen times."""

import os
import tempfile
from pathlib import Path

IN_MEMORY = Path("/dev/shm")
LEAST_BYTES = 4 << 30


def use_memory() -> None:
    """Puts temporary files in memory: those of pytest, of this process and of the processes that it
    starts. A folder chosen by whoever runs the tests takes precedence."""
    if "TMPDIR" not in os.environ and has_room(IN_MEMORY):
        tempfile.tempdir = str(IN_MEMORY)
        os.environ["TMPDIR"] = os.environ["PYTEST_DEBUG_TEMPROOT"] = str(IN_MEMORY)


def has_room(folder: Path) -> bool:
    """Whether the folder has space for many archives, and can run programs, as some tests do."""
    if not folder.is_dir():
        return False
    found = os.statvfs(folder)
    can_run = not found.f_flag & os.ST_NOEXEC
    return can_run and found.f_bavail * found.f_frsize >= LEAST_BYTES
