"""Scratch files: where this process writes temporary data."""

import os
import tempfile

from glyphd.private_files import make_folder
from glyphd.settings import Settings


def use_scratch_folder(settings: Settings, *, make: bool = True) -> None:
    """Puts this process's temporary files, including SQLite's, on the data's own disk.

    The system's folder is often small, or in memory: a large upload or a large import would fill
    it. With `make=False` the system's folder is used if there is no scratch folder or it is not
    writable.
    """
    folder = settings.scratch_dir.absolute()
    if make:
        make_folder(folder)
    elif not os.access(folder, os.W_OK):
        return
    tempfile.tempdir = str(folder)
    os.environ["SQLITE_TMPDIR"] = str(folder)
