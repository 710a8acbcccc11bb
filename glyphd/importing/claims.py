"""When a worker may run a job, and its right to run it."""

from dataclasses import dataclass
from datetime import timedelta

from glyphd.db.registry_models import Job
from glyphd.times import now_text, utc_now, utc_text

LONGEST_REST_SECONDS = 60
"""The longest wait for a job's next attempt. A longer one means that the clock was set back."""


class ClaimLost(Exception):
    """Another process has claimed the job: nothing that this one still does may count."""


@dataclass(frozen=True)
class Claim:
    """The right to run a job, for one attempt."""

    job: Job
    attempt: int


def rests(job: Job) -> bool:
    """Whether the job must wait before its next attempt, and no cancellation is requested."""
    latest = utc_text(utc_now() + timedelta(seconds=LONGEST_REST_SECONDS))
    return job.cancel_requested_at is None and now_text() < (job.not_before or "") <= latest
