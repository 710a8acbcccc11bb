"""The status of an import: its registry row in the form for clients."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from glyphd.contracts.import_contracts import (
    ImportChange,
    ImportFailure,
    ImportLinks,
    ImportStatus,
    ImportView,
)
from glyphd.db.registry_models import Job
from glyphd.importing.job_queries import JobQueries
from glyphd.times import read_stored, utc_now

STALLED_SECONDS = 15
"""A running import sends a heartbeat twice a second; after this long without one it counts as
stalled."""
STALL_LOOK_SECONDS = 5.0
"""How often API and workers look for stalled imports; each stall is reported once."""

_JSON = {
    "ignored_columns": "[]",
    "warnings": "[]",
    "summary": "null",
    "effect": "null",
    "error_summary": "[]",
    "errors": "[]",
}
"""The fields that are stored as JSON, and their values for an empty column."""
_SAME = ImportView.model_fields.keys() & Job._meta.fields.keys() - set(_JSON)
_SAME_OF_CHANGES = ImportChange.model_fields.keys() & Job._meta.fields.keys()


def view_imports(registry: JobQueries, jobs: Sequence[Job], *, prefix: str) -> list[ImportView]:
    """The statuses of imports with their rollbacks and restores. `prefix` comes before the paths of
    links."""
    changes = registry.changes_among([job for job in jobs if _has_rows(job)])
    return [view_import(job, changes.get(job.import_id, []), prefix=prefix) for job in jobs]


def view_import(job: Job, changes: Sequence[Job] = (), *, prefix: str) -> ImportView:
    """The status of an import. Everything is in its row and those of its changes, or follows from
    them."""
    values: dict[str, Any] = {name: getattr(job, name) for name in _SAME}
    values |= {name: json.loads(getattr(job, name) or empty) for name, empty in _JSON.items()}
    values["blank_rows"] = job.blank_rows or 0
    values |= {name: bool(getattr(job, name)) for name in ("complete", "allow_shrink")}
    failure = None
    if job.error_code:
        failure = ImportFailure(code=job.error_code, message=job.error_message)
    at = f"{prefix}/api/imports/{job.import_id}"
    return ImportView(
        **values,
        upload_id=str(job.upload_name).partition(".")[0],
        timestamp=job.finished_at or job.received_at,
        errors_truncated=job.error_count > job.errors_kept,
        stalled=is_stalled(job),
        error=failure,
        links=ImportLinks(
            self=at,
            listings=f"{prefix}/api/listings?import_id={job.import_id}",
            errors=f"{at}/errors",
            report=f"{at}/report.csv",
            file=f"{at}/file",
        ),
        changes=[_view_change(change) for change in changes],
    )


def is_stalled(job: Job) -> bool:
    """Whether it should run and has sent no heartbeat for too long."""
    heartbeat = job.heartbeat_at if job.status == ImportStatus.RUNNING else None
    if heartbeat is None:
        return False
    return utc_now() - read_stored(heartbeat) > timedelta(seconds=STALLED_SECONDS)


def _has_rows(job: Job) -> bool:
    """Whether the import can be rolled back or restored."""
    return job.status == ImportStatus.SUCCEEDED and not job.dry_run


def _view_change(change: Job) -> ImportChange:
    values: dict[str, Any] = {name: getattr(change, name) for name in _SAME_OF_CHANGES}
    return ImportChange(requested_at=change.received_at, **values)
