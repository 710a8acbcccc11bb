"""When a worker may run a job, and its right to run it."""

from dataclasses import dataclass
from datetime import timedelta

from glyphd.db.registry_models import Job
from glyphd.times import now_text, utc_now, utc_text

LONGEST_REST_SECONDS = 60
"""A job waits no longer for its next attempt. A longer wait means that the clock was set back."""


class ClaimLost(Exception):
    """Another process has claimed the job: anything that this one still does must not count."""


@dataclass(frozen=True)
class Claim:
    """The right to run a job, for one attempt."""

    job: Job
    attempt: int


def rests(job: Job) -> bool:
    """Whether the job must wait before its next attempt, and is not to be cancelled."""
    latest = utc_text(utc_now() + timedelta(seconds=LONGEST_REST_SECONDS))
    return job.cancel_requested_at is None and now_text() < (job.not_before or "") <= latest
