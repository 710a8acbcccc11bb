"""Copies the kept files of imports into a folder, and verifies the copies against the registry."""

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

from glyphd.db.registry_models import Job
from glyphd.errors import CannotBackUp
from glyphd.importing.job_queries import IMPORT
from glyphd.importing.registry import Registry
from glyphd.private_files import make_folder
from glyphd.upkeep.originals import check_notes, check_upload, files_of, is_plain, manifest_name
from glyphd.uploads import LocalUploads, UploadStore

UNFINISHED = "incomplete"
"""The folder inside the backup's folder while a backup is made: a backup that contains it is
incomplete."""

BLOCK_BYTES = 1 << 20

Progress = Callable[[int], AbstractContextManager[Callable[[int], None]]]
"""Is called with the total bytes of uploads to copy; returns a function that is called with the
bytes copied."""


@dataclass(frozen=True)
class BackedUp:
    """What a backup holds."""

    imports: int
    files: int
    bytes: int


class UploadCopies:
    """Copies into a folder that may have the files of an earlier backup; `done` counts what is
    there afterwards.

    A kept file never changes under its name, and a copy gets its name when it is complete. So an
    existing copy with the size in the registry is kept; only manifests are compared.
    """

    def __init__(self, originals: UploadStore, copies: LocalUploads) -> None:
        self._originals = originals
        self._copies = copies
        self._present: set[str] = set()
        self._verified: set[str | None] = set()
        self.done = BackedUp(0, 0, 0)

    def run(self, jobs: Sequence[Job], progress: Progress) -> Iterator[str]:
        """A line for each missing or damaged file of these imports."""
        make_folder(self._copies.folder)
        self._present = set(self._copies.names())
        with progress(sum(job.size_bytes or 0 for job in jobs)) as advance:
            for job in jobs:
                yield from (f"import {job.import_id}: {line}" for line in self._copy(job))
                advance(job.size_bytes or 0)
        sizes = [self._copies.size(name) for name in self._copies.names()]
        self.done = BackedUp(len(jobs), len(sizes), sum(sizes))

    def _copy(self, job: Job) -> Iterator[str]:
        """A retried import shares its upload."""
        if job.upload_name not in self._verified and not self._has_upload(job):
            self._copy_file(job.upload_name)
            yield from check_upload(self._copies, job)
        self._verified.add(job.upload_name)
        for name in files_of(job):
            if name == manifest_name(job):
                self._copy_manifest(name)
            elif name not in self._present:
                self._copy_file(name)
        yield from check_notes(self._copies, job)

    def _has_upload(self, job: Job) -> bool:
        name = job.upload_name
        return name in self._present and self._copies.size(name) == job.size_bytes

    def _copy_manifest(self, name: str) -> None:
        """A missing or unreadable one is reported by the check of the copy."""
        if not is_plain(name):
            return
        with suppress(OSError), self._originals.open(name) as file:
            said = file.read()
            if name in self._present:
                with self._copies.open(name) as copy:
                    if copy.read() == said:
                        return
            self._copies.put(name, said)

    def _copy_file(self, name: str | None) -> None:
        """Copies the readable part of a file; a missing or damaged one is reported by the check of
        the copy."""
        if name is None or not is_plain(name):
            return
        with (
            suppress(FileNotFoundError),
            self._originals.open(name) as file,
            self._copies.receive() as copy,
        ):
            try:
                while block := file.read(BLOCK_BYTES):
                    copy.write(block)
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
            copy.keep(name)
            self._present.add(name)


def require_complete(unfinished: Path, faults: Iterator[str]) -> None:
    """Raises CannotBackUp with all faults, if there are any; the incomplete copy stays."""
    wrong = list(faults)
    if wrong:
        summary = f"the copy is incomplete and stays in {unfinished}; missing or damaged:"
        raise CannotBackUp("\n".join([summary, *wrong]))


def imports_of(registry: Registry) -> list[Job]:
    """The imports in a registry, whose files belong in a backup."""
    return [job for job in registry.all_jobs() if job.kind == IMPORT]
