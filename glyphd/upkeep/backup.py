"""Makes a consistent and verified copy of archive, registry and uploads while the service is
running.

The order makes it consistent: the registry first, then the archive, then the files in this
registry. An import that ends in between is in the archive and unfinished in the registry's copy:
the next worker notices that it is done.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from glyphd.db.connections import close_all, open_registry, uri_to_look
from glyphd.db.damage import DamageCheck, file_to_check
from glyphd.db.registry_models import Job
from glyphd.db.troubles import DATABASE_ERRORS, UNREADABLE
from glyphd.errors import CannotBackUp
from glyphd.importing.registry import Registry
from glyphd.private_files import make_file, make_folder
from glyphd.settings import Settings, settings_of_file
from glyphd.upkeep.postgres_backup import back_up_postgres
from glyphd.upkeep.upload_copies import (
    UNFINISHED,
    BackedUp,
    Progress,
    UploadCopies,
    imports_of,
    require_complete,
)
from glyphd.uploads import LocalUploads
from glyphd.uploads.opening import open_own_uploads


def back_up(settings: Settings, folder: Path, progress: Progress) -> BackedUp:
    """Copies everything into a folder; durable when it returns.

    On SQLite the folder must be empty or not exist yet. The copies have the names of the originals,
    so the folder can be used as a data folder. They are moved there when all of them are complete
    and verified. For PostgreSQL see `back_up_postgres`.

    Raises CannotBackUp for a folder in use, and for missing or damaged originals, all of which it
    names. What was copied then stays in the folder's UNFINISHED.
    """
    if settings.database_url is not None:
        return back_up_postgres(settings, folder, progress)
    if folder.exists() and any(folder.iterdir()):
        raise CannotBackUp(f"{folder} is not empty: every backup needs its own folder")
    unfinished = folder / UNFINISHED
    make_folder(unfinished)
    copied = settings_of_file(unfinished / settings.archive_path.name)
    copies = UploadCopies(open_own_uploads(settings), LocalUploads(copied.uploads_dir))
    require_complete(unfinished, _copy(settings, copied, copies, progress))
    _finish(copied, folder)
    return copies.done


def _copy(
    settings: Settings, copied: Settings, copies: UploadCopies, progress: Progress
) -> Iterator[str]:
    """A line for each missing or damaged item."""
    yield from copy_database("registry", settings.registry_path, copied.registry_path)
    yield from copy_database("archive", settings.archive_path, copied.archive_path)
    try:
        jobs = _imports_in(copied)
    except UNREADABLE as error:
        yield f"registry: its list of files can't be read: {error}"
        return
    yield from copies.run(jobs, progress)


def copy_database(name: str, source: Path, copy: Path) -> Iterator[str]:
    """Copies a single state by SQLite's own backup, in one step, so that no writer can make it
    start again."""
    make_file(copy)
    try:
        connected = sqlite3.connect(uri_to_look(source), uri=True)
        with closing(connected) as original, closing(sqlite3.connect(copy)) as target:
            original.backup(target)
    except DATABASE_ERRORS as error:
        yield f"{name}: it can't be copied: {error}"
        return
    _sync(copy)
    yield from DamageCheck({name: file_to_check(copy)}).run()


def _imports_in(copied: Settings) -> list[Job]:
    database = open_registry(copied)
    try:
        return imports_of(Registry(database))
    finally:
        close_all(database)


def _finish(copied: Settings, folder: Path) -> None:
    """Moves the copies to their final paths, the archive last, because without it the folder is not
    a ledger."""
    _sync(copied.uploads_dir)
    _sync(copied.folder)
    for path in (copied.uploads_dir, copied.registry_path, copied.archive_path):
        path.rename(folder / path.name)
    copied.folder.rmdir()
    _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
