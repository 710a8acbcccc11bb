"""A consistent copy of archive, registry and uploads, made while the service goes on.

The order makes it consistent: the registry first, then the archive, then the files that this registry names. What ends
in between is then in the archive, and the registry's copy has it as unfinished: the next worker finds it done.
"""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path

from glyphd.db.connections import close_all, make_file, make_folder, open_registry
from glyphd.db.registry_models import Job
from glyphd.errors import CannotBackUp
from glyphd.importing.kept_files import measure
from glyphd.importing.registry import IMPORT, Registry
from glyphd.settings import Settings
from glyphd.uploads import LocalUploads


@dataclass(frozen=True)
class BackedUp:
    """What a backup holds."""

    imports: int
    files: int
    bytes: int


Progress = Callable[[int], AbstractContextManager[Callable[[int], None]]]
"""Told how many bytes of uploads there are to copy; gives a function that is told how many are done."""


def back_up(settings: Settings, folder: Path, progress: Progress) -> BackedUp:
    """Copies everything into a folder that has to be empty or not there yet; durable when it returns.

    The copies have the names of the originals: a service with the folder as its data folder runs on them. Raises
    CannotBackUp for PostgreSQL, which has tools of its own, for a folder in use, and for a kept file that is missing
    or damaged.
    """
    if settings.database_url is not None:
        raise CannotBackUp("on PostgreSQL: copy the database with pg_dump, then the uploads folder")
    if folder.exists() and any(folder.iterdir()):
        raise CannotBackUp(f"{folder} is not empty: every backup gets a folder of its own")
    make_folder(folder)
    copied = Settings(data_dir=folder, db_path=folder / settings.archive_path.name, database_url=None)
    for source, copy in (
        (settings.registry_path, copied.registry_path),
        (settings.archive_path, copied.archive_path),
    ):
        _copy_database(source, copy)
    return _copy_uploads(settings, copied, progress)


def _copy_database(source: Path, copy: Path) -> None:
    """As of one moment, by SQLite's own backup: in one step, so that no writer makes it begin anew."""
    make_file(copy)
    connected = sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)
    with closing(connected) as original, closing(sqlite3.connect(copy)) as target:
        original.backup(target)
    _sync(copy)


def _copy_uploads(settings: Settings, copied: Settings, progress: Progress) -> BackedUp:
    """The files that the copied registry names, each compared with its SHA-256 on the way."""
    database = open_registry(copied)
    try:
        jobs = [job for job in Registry(database).all_jobs() if job.kind == IMPORT]
    finally:
        close_all(database)
    make_folder(copied.uploads_dir)
    uploads = LocalUploads(copied.uploads_dir)
    by_name = {name: job for job in jobs for name in _files_of(job)}
    with progress(sum(job.size_bytes or 0 for name, job in by_name.items() if name == job.upload_name)) as advance:
        for name, job in by_name.items():
            _copy_file(settings.uploads_dir / name, copied.uploads_dir / name)
            if name == job.upload_name:
                _require_intact(uploads, job)
                advance(job.size_bytes or 0)
    _sync(copied.uploads_dir)
    _sync(copied.archive_path.parent)
    return BackedUp(len(jobs), len(by_name), sum(map(uploads.size, by_name)))


def _require_intact(uploads: LocalUploads, job: Job) -> None:
    if measure(uploads, job) != (job.size_bytes, job.sha256):
        raise CannotBackUp(f"the kept file {job.upload_name} of import {job.import_id} is not what was received")


def _files_of(job: Job) -> list[str]:
    """Upload, manifest and row errors."""
    return [name for name in (job.upload_name, f"{job.import_id}.json", job.errors_name) if name]


def _copy_file(source: Path, copy: Path) -> None:
    try:
        shutil.copy2(source, copy)
    except FileNotFoundError:
        raise CannotBackUp(f"the kept file {source.name} is missing") from None
    _sync(copy)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
