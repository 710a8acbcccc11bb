"""Scratch files: where temporary data of this process goes."""

import os
import tempfile

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
