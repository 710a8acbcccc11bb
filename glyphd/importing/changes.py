"""Requests a rollback or a restore of an import: a job for the worker, one at a time for each
import."""

from dataclasses import asdict, dataclass
from typing import Any

from glyphd.contracts.import_contracts import ImportStatus
from glyphd.db.archive_models import ROLLBACK
from glyphd.db.registry_models import Job
from glyphd.errors import ChangePending, ImportNotSucceeded, NothingToChange
from glyphd.importing.registry import ChangeTaken, Registry
from glyphd.importing.requests import Caller
from glyphd.jobs import JobQueue
from glyphd.times import now_text


@dataclass(frozen=True)
class WantedChange:
    """A requested rollback or restore, and its reason."""

    kind: str
    reason: str | None
    caller: Caller


def request_change(job: Job, wanted: WantedChange, registry: Registry, queue: JobQueue) -> Job:
    """The job that rolls the import back or restores it: a new one, or the one that is already in
    progress.

    Raises ImportNotSucceeded for an import without rows, NothingToChange if it is already in that
    state, and ChangePending while the opposite is in progress.
    """
    _require_rows(job)
    while True:
        pending = registry.pending_change(job.import_id)
        if pending is not None:
            return _joined(pending, wanted.kind)
        _require_something_to_do(registry.find_import(job.import_id) or job, wanted.kind)
        try:
            change = registry.add(_row(job, wanted))
        except ChangeTaken:
            continue
        queue.notify(change)
        return change


def require_change(job: Job, kind: str, registry: Registry) -> None:
    """Raises what `request_change` raises if it would create no new job."""
    _require_rows(job)
    pending = registry.pending_change(job.import_id)
    if pending is not None:
        raise ChangePending(
            f"a {pending.kind} of import {job.import_id} is in progress: wait until it has ended"
        )
    _require_something_to_do(registry.find_import(job.import_id) or job, kind)


def _require_rows(job: Job) -> None:
    if job.status != ImportStatus.SUCCEEDED or job.dry_run:
        how = "was a dry run" if job.dry_run else f"has the status {job.status}"
        raise ImportNotSucceeded(
            f"import {job.import_id} {how}: it has no rows", import_id=job.import_id
        )


def _row(job: Job, wanted: WantedChange) -> dict[str, Any]:
    now = now_text()
    return {
        "kind": wanted.kind,
        "import_id": job.import_id,
        "reason": wanted.reason,
        "schema_version": job.schema_version,
        "status": ImportStatus.QUEUED,
        "received_at": now,
        "nudged_at": now,
        **asdict(wanted.caller),
    }


def _joined(pending: Job, kind: str) -> Job:
    if pending.kind != kind:
        raise ChangePending(
            f"a {pending.kind} of import {pending.import_id} is in progress: wait until it has "
            "ended"
        )
    return pending


def _require_something_to_do(job: Job, kind: str) -> None:
    is_rolled_back = job.rolled_back_at is not None
    if is_rolled_back == (kind == ROLLBACK):
        how = "is already rolled back" if is_rolled_back else "is not rolled back"
        raise NothingToChange(f"import {job.import_id} {how}", import_id=job.import_id)
