"""When a request is worth another try, and how long to wait before it. Pure: no clock, no net."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

WORTH_RETRYING = frozenset({None, 429, 502, 503, 504})
"""No answer; too many requests; a proxy without its service; busy, full or starting."""

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 5.0


@dataclass(frozen=True)
class Retries:
    """How long a request that fails is tried again, in seconds; 0 means one try."""

    seconds: float

    def pause(self, tries: int, waited: float, retry_after: float | None) -> float | None:
        """Seconds until the next try, None if there is none: the time is up, or the service asked
        for more than is left."""
        wanted = min(FIRST_PAUSE_SECONDS * 2 ** (tries - 1), LONGEST_PAUSE_SECONDS)
        pause = max(wanted, retry_after or 0.0)
        return pause if waited + pause <= self.seconds else None


def seconds_asked(header: str | None, now: datetime | None = None) -> float | None:
    """The seconds in a Retry-After, which is a number or a date; None if it is neither."""
    if not header:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max((aware - (now or datetime.now(UTC))).total_seconds(), 0.0)
