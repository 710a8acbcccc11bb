"""The status of an import: its registry row in the form for clients."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from glyphd.contracts.import_contracts import ImportFailure, ImportLinks, ImportStatus, ImportView
from glyphd.db.registry_models import Job
from glyphd.times import read_stored

STALLED_SECONDS = 15
"""A running import sends a heartbeat twice a second; after this long without one it counts as
stalled."""

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


def view_import(job: Job) -> ImportView:
    """The status of an import. Everything is in the row, or follows from it."""
    values: dict[str, Any] = {name: getattr(job, name) for name in _SAME}
    values |= {name: json.loads(getattr(job, name) or empty) for name, empty in _JSON.items()}
    values["blank_rows"] = job.blank_rows or 0
    failure = None
    if job.error_code:
        failure = ImportFailure(code=job.error_code, message=job.error_message)
    at = f"/api/imports/{job.import_id}"
    return ImportView(
        **values,
        upload_id=str(job.upload_name).partition(".")[0],
        timestamp=job.finished_at or job.received_at,
        errors_truncated=job.error_count > job.errors_kept,
        stalled=is_stalled(job),
        error=failure,
        links=ImportLinks(
            self=at,
            listings=f"/api/listings?import_id={job.import_id}",
            errors=f"{at}/errors",
            report=f"{at}/report.csv",
            file=f"{at}/file",
        ),
    )


def is_stalled(job: Job) -> bool:
    """Whether it should run and has sent no heartbeat for too long."""
    heartbeat = job.heartbeat_at if job.status == ImportStatus.RUNNING else None
    if heartbeat is None:
        return False
    return datetime.now(UTC) - read_stored(heartbeat) > timedelta(seconds=STALLED_SECONDS)
