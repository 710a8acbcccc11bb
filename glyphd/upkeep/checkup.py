"""`glyphd check`: whether everything exists, is undamaged, has this version's schema, and belongs
together."""

from collections.abc import Iterator

from glyphd.db.connections import close_all, open_archive_to_verify
from glyphd.db.damage import find_damage, find_queue_damage
from glyphd.db.drift import find_drift
from glyphd.db.pairing import require_no_mismatch
from glyphd.importing.audit import missing_batches
from glyphd.importing.job_queries import IMPORT
from glyphd.importing.registry import Registry
from glyphd.importing.unrecorded import SETTLED_SECONDS, find_unrecorded, manifest_names
from glyphd.settings import Settings
from glyphd.upkeep.originals import check_originals
from glyphd.upkeep.telling import until_unreadable
from glyphd.upkeep.upload_copies import Progress
from glyphd.uploads import UploadStore

_UNKNOWN = (
    "its upload is kept, but it is not in the registry; `glyphd rebuild --registry` recovers it"
)


def find_faults(
    settings: Settings, registry: Registry, uploads: UploadStore, progress: Progress
) -> Iterator[str]:
    """A line for each problem. Changes nothing.

    If a database is damaged or has another schema, the rest is not compared with it. Raises
    ArchiveMismatch if archive and registry do not belong together.
    """
    yield from find_queue_damage(settings)
    damage = find_damage(settings)
    if damage:
        yield from damage
        return
    require_no_mismatch(settings)
    drift = list(until_unreadable(find_drift(settings)))
    if drift:
        yield from drift
    else:
        yield from until_unreadable(_disagreements(settings, registry, uploads, progress))


def _disagreements(
    settings: Settings, registry: Registry, uploads: UploadStore, progress: Progress
) -> Iterator[str]:
    archive = open_archive_to_verify(settings)
    try:
        for import_id in missing_batches(registry, archive):
            yield f"import {import_id}: succeeded, but not in the archive"
        yield from unknown_uploads(registry, uploads)
        yield from _damaged_originals(registry, uploads, progress)
    finally:
        close_all(archive)


def unknown_uploads(registry: Registry, uploads: UploadStore) -> Iterator[str]:
    """A line for each kept upload that the registry lacks, except for those that are being
    accepted."""
    for found in find_unrecorded(uploads, registry, older_than_seconds=SETTLED_SECONDS):
        yield f"import {found.import_id}: {_UNKNOWN}"


def uploads_without_registry(uploads: UploadStore) -> Iterator[str]:
    """A line for each kept upload, if there is no registry at all."""
    yield from (f"import {import_id}: {_UNKNOWN}" for import_id in manifest_names(uploads))


def _damaged_originals(
    registry: Registry, uploads: UploadStore, progress: Progress
) -> Iterator[str]:
    jobs = [job for job in registry.all_jobs() if job.kind == IMPORT]
    with progress(sum(job.size_bytes or 0 for job in jobs)) as advance:
        for job in jobs:
            yield from (f"import {job.import_id}: {line}" for line in check_originals(uploads, job))
            advance(job.size_bytes or 0)
