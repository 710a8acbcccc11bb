"""Times as glyphd stores and shows them: UTC text of fixed width, so that text order is time
order."""

import re
from datetime import UTC, datetime, timedelta

_ACCEPTED = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[Tt ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,12})?)?(?: "
    r"?(?:[Zz]|[+-]\d{2}(?::?\d{2})?))?)?",
    re.ASCII,
)

LEAST_DIFFERENCE = timedelta(seconds=1)
"""Clocks that are synchronized by NTP differ by less."""

_USUAL_MARKS = "--T::Z"
"""Every third character, from the fifth on, of the usual form: `2025-07-29T12:12:00Z`."""


def utc_text(moment: datetime) -> str:
    """`2025-07-29T12:12:00.000000Z`: always 27 characters; without an offset it is UTC."""
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC)
    return f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


class Clock:
    """The clock that all machines of a service share: the database server's if there is one, else
    this machine's."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def follow(self, server_now: datetime, began: datetime, ended: datetime) -> bool:
        """Adopts the time that a server sent between two moments of this machine's clock. A
        difference that the network delay can explain counts as none. Returns whether the difference
        is a new one."""
        ahead = server_now - (began + (ended - began) / 2)
        if abs(ahead) < ended - began + LEAST_DIFFERENCE:
            ahead = timedelta(0)
        is_new = abs(ahead - self.ahead) >= LEAST_DIFFERENCE
        self.ahead = ahead
        return is_new


CLOCK = Clock()
"""The clock of this process."""


def utc_now() -> datetime:
    """The present moment, the same on all machines."""
    return CLOCK.now()


def now_text() -> str:
    """The present moment as stored text."""
    return utc_text(utc_now())


def text_after(text: str) -> str:
    """The stored text one microsecond later."""
    return utc_text(read_stored(text) + timedelta(microseconds=1))


def read_stored(text: str) -> datetime:
    """The aware datetime behind a stored text."""
    return datetime.fromisoformat(text)


def parse_time(text: str) -> str:
    """Stored text for an RFC 3339 time, ISO 8601 with a space for the `T`, or a plain date.

    Raises ValueError for anything else: digits alone, other forms, a date or an hour that does not
    exist.
    """
    if len(text) == 20 and text[4::3] == _USUAL_MARKS and text[11:13] != "24":
        datetime.fromisoformat(text[:19])
        return f"{text[:19]}.000000Z"
    if not _ACCEPTED.fullmatch(text):
        raise ValueError("not an RFC 3339 time")
    try:
        return utc_text(
            datetime.fromisoformat(
                text.upper().replace(",", ".").replace(" ", "T", 1).replace(" ", "")
            )
        )
    except OverflowError as error:
        raise ValueError("outside the years 1 to 9999") from error
