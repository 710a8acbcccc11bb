"""When a webhook is tried again, and when it is disabled. Pure functions of the time."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from random import uniform

FIRST_DELAY_SECONDS = 5.0
LONGEST_DELAY_SECONDS = 3600.0
JITTER = 0.25
LONGEST_RETRY_AFTER_SECONDS = 24 * 3600.0
GIVE_UP_AFTER = timedelta(days=3)
"""The time from the first failed attempt at an event to the last one."""


def next_attempt(
    now: datetime, *, failures: int, failing_since: datetime, retry_after: float | None
) -> datetime | None:
    """When to try again after this many failures in a row; None if it has failed for too long.

    The pause doubles each time, up to an hour, and varies by a quarter, so that many webhooks of
    one receiver are not tried together. It is never shorter than the receiver asked for.
    """
    last = failing_since + GIVE_UP_AFTER
    if now >= last:
        return None
    delay = min(FIRST_DELAY_SECONDS * 2.0 ** min(failures - 1, 20), LONGEST_DELAY_SECONDS)
    delay *= uniform(1 - JITTER, 1 + JITTER)
    asked = min(retry_after or 0.0, LONGEST_RETRY_AFTER_SECONDS)
    return min(now + timedelta(seconds=max(delay, asked)), last)


def is_due(now: datetime, planned: datetime | None) -> bool:
    """Whether a planned attempt is due. One that is too far in the future was planned before the
    clock was set back."""
    if planned is None or planned <= now:
        return True
    return planned - now > timedelta(seconds=LONGEST_RETRY_AFTER_SECONDS)


def read_retry_after(text: str | None, now: datetime) -> float | None:
    """The seconds that a `Retry-After` header asks for, as a number or as a date."""
    if not text:
        return None
    if text.strip().isdecimal():
        return float(text.strip()[:10])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - now).total_seconds(), 0.0)
