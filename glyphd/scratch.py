"""Scratch files: where temporary data of this process goes."""

import os
import tempfile
from typing import BinaryIO, cast

from glyphd.db.connections import make_folder
from glyphd.settings import Settings


def use_scratch_folder(settings: Settings) -> None:
    """Sends this process's temporary files, SQLite's too, to the data's own disk.

    The system's folder is often small, or kept in memory: a large upload or a large import would fill it.
    """
    folder = settings.scratch_dir.absolute()
    make_folder(folder)
    tempfile.tempdir = str(folder)
    os.environ["SQLITE_TMPDIR"] = str(folder)


def unnamed_file() -> BinaryIO:
    """A scratch file that is gone when it is closed, unless it was given a name: `tempfile`'s can't be given one."""
    try:
        descriptor = os.open(tempfile.gettempdir(), os.O_TMPFILE | os.O_RDWR, 0o600)
    except (AttributeError, OSError):
        # Not every system has such files, and not every file system.
        return cast(BinaryIO, tempfile.TemporaryFile())
    return os.fdopen(descriptor, "w+b")
