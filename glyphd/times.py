"""Times as glyphd stores and shows them: UTC text of fixed width, so that text order is time
order."""

import re
from datetime import UTC, datetime, timedelta

_ACCEPTED = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[Tt ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,12})?)?(?: "
    r"?(?:[Zz]|[+-]\d{2}(?::?\d{2})?))?)?",
    re.ASCII,
)

_USUAL_MARKS = "--T::Z"
"""Every third character, from the fifth on, of the usual form: `2025-07-29T12:12:00Z`."""


def utc_text(moment: datetime) -> str:
    """`2025-07-29T12:12:00.000000Z`: always 27 characters; without an offset it is UTC."""
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC)
    return f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def now_text() -> str:
    """The present moment as stored text."""
    return utc_text(datetime.now(UTC))


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
