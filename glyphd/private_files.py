"""Files and folders that only their owner can read, and that survive a power cut."""

import os
from pathlib import Path

FOR_OWNER = 0o600
"""The mode of files that only their owner may read and write."""


def make_file(path: Path) -> None:
    """Creates an empty file that only its owner can read, with its folders; an existing file is not
    changed.

    A database file is never opened here: closing it would drop the locks that SQLite holds on it in
    this process.
    """
    make_folder(path.parent)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FOR_OWNER))
    except FileExistsError:
        return


def identity_at(path: Path) -> tuple[int, int] | None:
    """The identity of the file at a path: another file in its place has another one. None if there
    is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def make_folder(folder: Path) -> None:
    """Creates the folder and missing parents, readable only for their owner and durable when this
    returns."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)
        sync_folder(one.parent)


def sync_folder(folder: Path) -> None:
    """Makes the names in the folder survive a power cut: syncing a file does not sync its name.

    A folder that is writable but not readable can't be opened, and is skipped.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
