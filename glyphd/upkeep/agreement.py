"""Checks whether registry and archive agree about an import, and about its rollbacks and
restores."""

import json
from collections.abc import Iterator
from typing import Any

from peewee import Database

from glyphd.contracts.import_contracts import ImportStatus
from glyphd.db.archive_models import RESTORE, BatchChange, ImportBatch
from glyphd.db.fields import JsonTextField
from glyphd.db.registry_models import Job
from glyphd.importing.registry import Registry

_SAME_IN_BOTH = (
    "record_count",
    "source",
    "description",
    "filename",
    "first_model",
    "last_model",
    "schema_version",
    "imported_at",
)
_OWN_IN_RESULT = frozenset({"progress"})
"""Fields that an attempt changes after it has written its result."""


_SOMETIMES_IN_RESULT = ("blank_rows", "warnings")
"""Fields that count as empty if the result lacks them."""


def find_batch(archive: Database, import_id: str) -> Any:
    """The batch of an import, or None."""
    return ImportBatch.select().where(ImportBatch.import_id == import_id).bind(archive).first()


def check_agreement(job: Job, batch: Any) -> Iterator[str]:
    """A line for each difference. The job must be read before the batch: if it had succeeded by
    then, its batch exists, regardless of what runs meanwhile."""
    if batch is None:
        if _has_written(job):
            yield "succeeded, but not in the archive"
        return
    if batch.sha256 != job.sha256:
        yield f"the archive says SHA-256 {batch.sha256}, the registry says {job.sha256}"
    if _has_written(job):
        yield from _differences(job, batch)
        yield from _completeness_differences(job, batch)
        yield from _result_differences(job, batch)
    elif ImportStatus(job.status).is_final:
        yield f"{'a dry run' if job.dry_run else job.status}, but in the archive"
    # otherwise the worker that committed it has not recorded that yet, or has died


def check_rollback(registry: Registry, archive: Database, import_id: str) -> Iterator[str]:
    """Whether both have the same time of a rollback.

    A rollback in progress has already changed the archive but not the registry, so both are read
    while there is none.
    """
    if registry.pending_change(import_id) is not None:
        return
    job, batch = registry.find_import(import_id), find_batch(archive, import_id)
    if job is None or batch is None or job.rolled_back_at == batch.rolled_back_at:
        return
    if registry.pending_change(import_id) is None:
        yield (
            f"the archive says rolled_back_at {batch.rolled_back_at}, the registry says "
            f"{job.rolled_back_at}"
        )


def _has_written(job: Job) -> bool:
    return job.status == ImportStatus.SUCCEEDED and not job.dry_run


def _differences(job: Job, batch: Any) -> Iterator[str]:
    for name in _SAME_IN_BOTH:
        if getattr(batch, name) != getattr(job, name):
            yield (
                f"the archive says {name} {getattr(batch, name)!r}, the registry says "
                f"{getattr(job, name)!r}"
            )


def _completeness_differences(job: Job, batch: Any) -> Iterator[str]:
    """The batch of a file sent as complete is complete for its newest `seen_at`; without rows, for
    the time of its receipt."""
    due = (batch.last_seen_at or job.received_at) if job.complete else None
    if batch.complete_at != due:
        yield (
            f"the archive says complete_at {batch.complete_at!r}, the registry and its events give "
            f"{due!r}"
        )


def _result_differences(job: Job, batch: Any) -> Iterator[str]:
    """Both have the findings of the reading."""
    try:
        result = json.loads(batch.result)
        said = dict(result)
    except (TypeError, ValueError):
        yield f"result is not a JSON object: {batch.result!r}"
        return
    for name in _SOMETIMES_IN_RESULT:
        if name not in said and getattr(job, name) is not None:
            yield f"result lacks {name}, the registry says {getattr(job, name)!r}"
    for name, value in said.items():
        if name in _OWN_IN_RESULT:
            continue
        if name not in Job._meta.columns:
            yield f"result has {name!r}, which the registry lacks"
        elif value != _known(job, name):
            yield f"result says {name} {value!r}, the registry says {_known(job, name)!r}"


def _known(job: Job, name: str) -> Any:
    value = getattr(job, name)
    if not isinstance(Job._meta.columns[name], JsonTextField) or not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def check_changes(registry: Registry, archive: Database) -> Iterator[str]:
    """Every change has a job with the same time and reason, and every such job has its change.

    The jobs are read first, because their changes are then already in the archive. A change whose
    job has not finished is in progress.
    """
    asked = {
        (job.import_id, job.kind, job.imported_at): job.reason
        for job in reversed(registry.changes())
    }
    columns = (BatchChange.import_id, BatchChange.kind, BatchChange.changed_at, BatchChange.reason)
    made = {
        tuple(key): reason
        for *key, reason in archive.execute(BatchChange.select(*columns)).fetchall()
    }
    for import_id, kind, moment in made.keys() - asked.keys():
        if registry.pending_change(import_id) is None and _is_unasked(
            registry, import_id, kind, moment
        ):
            yield f"import {import_id}: the archive has a {kind} at {moment}, the registry has none"
    for key in asked.keys() - made.keys():
        if not _was_no_change(archive, *key):
            import_id, kind, moment = key
            yield f"import {import_id}: the registry has a {kind} at {moment}, the archive has none"
    for key in asked.keys() & made.keys():
        if asked[key] != made[key]:
            import_id, kind, _ = key
            yield (
                f"import {import_id}: the archive says {kind} for {made[key]!r}, the registry "
                f"says {asked[key]!r}"
            )


def _is_unasked(registry: Registry, import_id: str, kind: str, moment: str) -> bool:
    """Reads the job again, because it may have ended since."""
    return not any(
        (job.import_id, job.kind, job.imported_at) == (import_id, kind, moment)
        for job in registry.changes()
    )


def _was_no_change(archive: Database, import_id: str, kind: str, moment: str) -> bool:
    """A restore of an import that was never rolled back has the time of the import."""
    batch = find_batch(archive, import_id)
    return kind == RESTORE and batch is not None and batch.imported_at == moment
