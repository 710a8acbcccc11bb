"""What tests read of the feed, and jobs that have something to report."""

from typing import Any

from glyphd.contracts.import_contracts import ImportStatus
from glyphd.db.registry_models import Job
from glyphd.events.feed import events_after
from glyphd.importing.claims import Claim
from glyphd.importing.registry import Registry
from glyphd.times import now_text
from tests.importing.jobs import add_job

KEPT = {"upload_name": "a.csv", "size_bytes": 1, "encoding": "utf-8", "on_error": "abort"}


def feed(registry: Registry, after: int = 0) -> list[tuple[str, dict[str, Any]]]:
    """Each event's kind and data."""
    with registry.connected():
        events = events_after(registry.database, after, [], limit=10_000)
    return [(kind, data) for _, kind, _, data in events]


def kinds(registry: Registry) -> list[str]:
    return [kind for kind, _ in feed(registry)]


def claimed(registry: Registry, job: Job) -> Claim:
    claim = registry.claim(job.id)
    assert claim is not None
    return claim


def finish(registry: Registry, claim: Claim, **values: Any) -> None:
    """Ends a job as a worker does."""
    ending = {"status": ImportStatus.SUCCEEDED, "finished_at": now_text()}
    registry.update_claimed(claim, **(ending | values))


def finished_import(registry: Registry, **values: Any) -> Job:
    job = add_job(registry, **(KEPT | values))
    finish(registry, claimed(registry, job))
    return job
