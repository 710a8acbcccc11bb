"""Files and folders that only their owner may read, and that a power cut does not take away."""

import os
from pathlib import Path

FOR_OWNER = 0o600
"""The mode of files that only their owner may read and write."""


def make_file(path: Path) -> None:
    """An empty file that only its owner may read, with its folders; one that is there is left
    untouched.

    A database file is never opened here: closing it would drop the locks that SQLite holds on it in
    this process.
    """
    make_folder(path.parent)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FOR_OWNER))
    except FileExistsError:
        return


def identity_at(path: Path) -> tuple[int, int] | None:
    """Which file is there: another one in its place has another identity. None where there is
    none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def make_folder(folder: Path) -> None:
    """The folder and those above it that are missing, each for its owner alone, durable when this
    returns."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)
        sync_folder(one.parent)


def sync_folder(folder: Path) -> None:
    """Makes the names in the folder survive a power cut: syncing a file does not say where it is.

    A folder that may be written to but not listed can't be opened, and stays as it is.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
