"""How a job waits after trouble outside its file, and when it has waited for space too often."""

from dataclasses import dataclass
from datetime import timedelta

from glyphd.db.registry_models import Job
from glyphd.importing.claims import LONGEST_REST_SECONDS
from glyphd.importing.job_queries import IMPORT
from glyphd.importing.registry import Registry
from glyphd.times import read_stored, utc_now, utc_text
from worker.passing import ROOM_REASONS, passing_reason

MOST_TRIES_FOR_ROOM = 20
"""How many attempts may lack space: with their pauses they take a quarter of an hour."""


@dataclass(frozen=True)
class Rest:
    """The state of a waiting job in its row: how often it was requeued in succession, and until
    when it waits."""

    handback_count: int
    seconds: float

    @property
    def not_before(self) -> str | None:
        return utc_text(utc_now() + timedelta(seconds=self.seconds)) if self.seconds else None


def rest_after_stop(job: Job) -> Rest:
    """For a job whose process stops: another process can claim it immediately."""
    return Rest(job.handback_count + 1, 0)


def rest_after(job: Job, reason: str) -> Rest:
    """The wait doubles each time. Requeues for lack of space are counted separately, from the first
    one."""
    wants_room_now = reason in ROOM_REASONS and not _wanted_room(job)
    count = 1 if wants_room_now else job.handback_count + 1
    return Rest(count, float(min(2 ** (count - 1), LONGEST_REST_SECONDS)))


def is_hopeless(registry: Registry, job: Job, reason: str) -> bool:
    """Whether only this import found no space in many attempts.

    Others must have succeeded since the last attempt: as long as none does, the disk may simply be
    full.
    """
    if (
        reason not in ROOM_REASONS
        or not _wanted_room(job)
        or job.handback_count < MOST_TRIES_FOR_ROOM - 1
    ):
        return False
    last_try = read_stored(job.not_before or job.received_at) - timedelta(
        seconds=LONGEST_REST_SECONDS
    )
    try:
        return registry.has_imported_since(utc_text(last_try))
    except Exception as error:
        if passing_reason(error) is None:
            raise
        return False


def why_hopeless(job: Job, reason: str) -> str:
    """The message of an import that fails for this reason."""
    return (
        f"the import found no space in {job.handback_count + 1} attempts, while others succeeded "
        f"({reason}): "
        "free some space and retry it, or split the file"
    )


def _wanted_room(job: Job) -> bool:
    return job.kind == IMPORT and job.reason in ROOM_REASONS
