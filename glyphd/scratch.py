"""Scratch files: where this process writes temporary data."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

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


_RESULTS = "results-"


def results_folder(settings: Settings, service: str) -> Path:
    """Where the API processes of the service with this id keep the results that they share."""
    return settings.scratch_dir / f"{_RESULTS}{service}"


@contextmanager
def own_results_folder(settings: Settings, service: str) -> Iterator[int]:
    """Creates that folder, and removes it after the block; folders of killed services are removed
    first.

    The descriptor holds the folder's lock: it is in use while a process has inherited it.
    """
    for left in settings.scratch_dir.glob(f"{_RESULTS}*"):
        _remove_unused(left)
    folder = results_folder(settings, service)
    make_folder(folder)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield descriptor
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _remove_unused(folder: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(descriptor)
