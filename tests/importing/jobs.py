"""Jobs as the intake records them, and as they are later."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from glyphd.db.registry_models import Job
from glyphd.importing.registry import Registry
from glyphd.times import utc_text

NOW = "2025-07-29T12:12:00.000000Z"


def add_job(registry: Registry, **values: Any) -> Job:
    """A queued import, unless the values say otherwise."""
    plain = {
        "kind": "import",
        "import_id": str(uuid4()),
        "status": "queued",
        "received_at": NOW,
        "schema_version": 1,
        "sha256": "0" * 64,
    }
    return registry.add(plain | values)


def reread(registry: Registry, job: Job) -> Job:
    found = registry.job(job.id)
    assert found is not None
    return found


def from_now(seconds: float) -> str:
    """The stored text of the time this many seconds from now."""
    return utc_text(datetime.now(UTC) + timedelta(seconds=seconds))
