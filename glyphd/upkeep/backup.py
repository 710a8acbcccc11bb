"""Makes a consistent and verified copy of archive, registry and uploads while the service is
running.

The order makes it consistent: the registry first, then the archive, then the files in this
registry. An import that ends in between is in the archive and unfinished in the registry's copy:
the next worker notices that it is done.
"""

import errno
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path

from glyphd.db.connections import close_all, open_registry, uri_to_look
from glyphd.db.damage import DamageCheck, file_to_check
from glyphd.db.registry_models import Job
from glyphd.db.troubles import DATABASE_ERRORS, UNREADABLE
from glyphd.errors import CannotBackUp
from glyphd.importing.job_queries import IMPORT
from glyphd.importing.registry import Registry
from glyphd.private_files import make_file, make_folder
from glyphd.settings import Settings, settings_of_file
from glyphd.upkeep.originals import check_notes, check_upload, files_of, is_plain
from glyphd.uploads import LocalUploads, UploadStore
from glyphd.uploads.opening import open_own_uploads

UNFINISHED = "incomplete"
"""The folder inside the backup's folder while a copy is made: a backup that contains it is
incomplete."""

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class BackedUp:
    """What a backup holds."""

    imports: int
    files: int
    bytes: int


Progress = Callable[[int], AbstractContextManager[Callable[[int], None]]]
"""Called with the total bytes of uploads to copy; returns a function to be called with the bytes
copied."""


def back_up(settings: Settings, folder: Path, progress: Progress) -> BackedUp:
    """Copies everything into a folder that must be empty or not exist yet; durable when it returns.

    The copies have the names of the originals, so the folder can be used as a data folder. They are
    moved there when all of them are complete and verified.

    Raises CannotBackUp for PostgreSQL, which has its own tools, for a folder in use, and for
    missing or damaged originals, all of which it names. What was copied then stays in the folder's
    UNFINISHED.
    """
    if settings.database_url is not None:
        raise CannotBackUp(
            "not supported on PostgreSQL: dump the database with pg_dump, then copy the uploads "
            "folder"
        )
    if folder.exists() and any(folder.iterdir()):
        raise CannotBackUp(f"{folder} is not empty: every backup needs its own folder")
    unfinished = folder / UNFINISHED
    make_folder(unfinished)
    copied = settings_of_file(unfinished / settings.archive_path.name)
    copying = _Copying(settings, copied, progress)
    wrong = list(copying.run())
    if wrong:
        summary = f"the copy is incomplete and stays in {unfinished}; missing or damaged:"
        raise CannotBackUp("\n".join([summary, *wrong]))
    _finish(copied, folder)
    return copying.done


class _Copying:
    """Copies and verifies; `done` counts what was copied."""

    def __init__(self, settings: Settings, copied: Settings, progress: Progress) -> None:
        self._settings = settings
        self._copied = copied
        self._progress = progress
        self._originals = open_own_uploads(settings)
        self._uploads = LocalUploads(copied.uploads_dir)
        self.done = BackedUp(0, 0, 0)

    def run(self) -> Iterator[str]:
        """A line for each missing or damaged item."""
        make_folder(self._copied.uploads_dir)
        yield from copy_database(
            "registry", self._settings.registry_path, self._copied.registry_path
        )
        yield from copy_database("archive", self._settings.archive_path, self._copied.archive_path)
        try:
            jobs = _imports_in(self._copied)
        except UNREADABLE as error:
            yield f"registry: its list of files can't be read: {error}"
            return
        yield from self._copy_files(jobs)

    def _copy_files(self, jobs: list[Job]) -> Iterator[str]:
        """The files in the copied registry; a retried import shares its upload."""
        names: set[str] = set()
        with self._progress(sum(job.size_bytes or 0 for job in jobs)) as advance:
            for job in jobs:
                for name in filter(is_plain, files_of(job)):
                    self._copy_kept(name, self._copied.uploads_dir / name)
                yield from (
                    f"import {job.import_id}: {line}" for line in self._wrong_with(job, names)
                )
                names |= set(files_of(job))
                advance(job.size_bytes or 0)
        sizes = [path.stat().st_size for path in self._copied.uploads_dir.iterdir()]
        self.done = BackedUp(len(jobs), len(sizes), sum(sizes))

    def _copy_kept(self, name: str, copy: Path) -> None:
        """A missing or unreadable one is reported by the check of the copy."""
        if copy.exists():
            return
        if self._originals.has_local_files:
            _copy_file(self._settings.uploads_dir / name, copy)
        else:
            _fetch(self._originals, name, copy)

    def _wrong_with(self, job: Job, done: set[str]) -> Iterator[str]:
        if job.upload_name not in done:
            yield from check_upload(self._uploads, job)
        yield from check_notes(self._uploads, job)


def copy_database(name: str, source: Path, copy: Path) -> Iterator[str]:
    """Copies one moment by SQLite's own backup, in one step, so that no writer can restart it."""
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
        return [job for job in Registry(database).all_jobs() if job.kind == IMPORT]
    finally:
        close_all(database)


def _fetch(originals: UploadStore, name: str, copy: Path) -> None:
    try:
        kept = originals.open(name)
    except FileNotFoundError:
        return
    make_file(copy)
    with kept, copy.open("wb") as file:
        shutil.copyfileobj(kept, file, _BLOCK_BYTES)
    _sync(copy)


def _copy_file(source: Path, copy: Path) -> None:
    try:
        make_file(copy)
        shutil.copyfile(source, copy)
    except FileNotFoundError:
        copy.unlink()
        return
    except OSError as error:
        if error.errno != errno.EIO:
            raise
    shutil.copystat(source, copy)
    copy.chmod(0o600)
    _sync(copy)


def _finish(copied: Settings, folder: Path) -> None:
    """Moves the copies to where they belong, the archive last, because without it the folder is not
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
