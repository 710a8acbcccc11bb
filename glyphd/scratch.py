"""Scratch files: where temporary data of this process goes."""

import os
import tempfile

from glyphd.private_files import make_folder
from glyphd.settings import Settings


def use_scratch_folder(settings: Settings, *, make: bool = True) -> None:
    """Sends this process's temporary files, SQLite's too, to the data's own disk.

    The system's folder is often small, or kept in memory: a large upload or a large import would
    fill it. With `make=False` it is used all the same where there is no such folder, or one that
    can't be written to.
    """
    folder = settings.scratch_dir.absolute()
    if make:
        make_folder(folder)
    elif not os.access(folder, os.W_OK):
        return
    tempfile.tempdir = str(folder)
    os.environ["SQLITE_TMPDIR"] = str(folder)
