"""Making the archive again from the kept uploads and the registry: what was taken in, in the order it was taken in.

Nothing comes from outside. Every event gets the id, the place and the moment that it had, so that every answer of the
new archive is the old one's.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from peewee import Database

from glyphd.db.connections import open_archive_file
from glyphd.db.migrations import initialise_archive
from glyphd.db.pairing import registry_id
from glyphd.db.registry_models import Job
from glyphd.errors import CannotRebuild
from glyphd.importing.kept_files import measure
from glyphd.importing.reading import read_kept
from glyphd.importing.registry import FINDINGS, IMPORT, JSON_FINDINGS, Registry
from glyphd.settings import Settings
from glyphd.storage.batch_changes import Change, change_batch
from glyphd.storage.staging import open_stage
from glyphd.storage.writing import Batch, write_batch
from glyphd.uploads import UploadStore


@dataclass(frozen=True)
class Rebuilt:
    """What a new archive holds."""

    imports: int
    changes: int
    events: int


OnJob = Callable[[Job], None]
"""Told of each job before it is done again."""


def rebuild(settings: Settings, registry: Registry, uploads: UploadStore, into: Path, on_job: OnJob) -> Rebuilt:
    """Makes a SQLite archive at `into`, where nothing may be yet.

    Raises CannotRebuild when a kept file is missing or is not what was received, or gives other rows than it did. What
    there is of the new archive is then removed.
    """
    if into.exists():
        raise CannotRebuild(f"{into} is there already: an archive is made again only where there is nothing")
    timeline = registry.timeline()
    imports = [job for job in timeline if job.kind == IMPORT]
    for job in imports:
        _require_intact(uploads, job)
    initialise_archive(Settings(db_path=into, database_url=None), registry_id(settings))
    database = open_archive_file(into, read_only=False)
    try:
        with database.connection_context():
            for job in timeline:
                on_job(job)
                if job.kind == IMPORT:
                    _import_again(database, job, uploads, settings)
                else:
                    change_batch(database, Change(job.import_id, job.kind, job.reason, job.imported_at))
    except BaseException:
        for file in into.parent.glob(f"{into.name}*"):
            file.unlink()
        raise
    return Rebuilt(len(imports), len(timeline) - len(imports), sum(job.record_count for job in imports))


def _require_intact(uploads: UploadStore, job: Job) -> None:
    if measure(uploads, job) != (job.size_bytes, job.sha256):
        raise CannotRebuild(f"import {job.import_id}: its kept file is not what was received", import_id=job.import_id)


def _import_again(database: Database, job: Job, uploads: UploadStore, settings: Settings) -> None:
    with open_stage(database) as stage:
        with read_kept(uploads, job, settings=settings) as kept:
            for checked in kept.checked():
                stage.add(checked.accepted)
        stage.complete()
        written = write_batch(database, stage, _batch_of(job))
    if written.record_count != job.record_count:
        found = f"{written.record_count} rows, and there were {job.record_count}"
        raise CannotRebuild(f"import {job.import_id}: its kept file gives {found}", import_id=job.import_id)


def _batch_of(job: Job) -> Batch:
    """What was recorded of the import. Its findings are in the registry as they were."""
    result = {name: getattr(job, name) for name in FINDINGS}
    result |= {name: json.loads(result[name]) for name in JSON_FINDINGS if result[name] is not None}
    return Batch(
        job.import_id, job.source, job.description, job.filename, job.sha256, result, job.imported_at or job.finished_at
    )
