"""Reads the values of query parameters. ValueErrors say what is allowed."""

import re
from typing import Any

from glyphd.times import parse_time

MAX_WORDS = 10
_DURATION = re.compile(r"(\d{1,5})([hd])")
_LOST_PLUS = re.compile(r"(?<=\d) (?=\d\d:?\d\d$)(?<=.{16} )")


def query_time(text: str) -> str:
    """A `+` in a URL arrives as a space, so a space before an offset is read as a `+`."""
    try:
        return parse_time(_LOST_PLUS.sub("+", text.strip()))
    except ValueError:
        raise ValueError("must be a time such as 2025-07-29T12:12:00Z") from None


def split_at_commas(text: Any) -> Any:
    """The names in a comma-separated list."""
    return [name.strip() for name in text.split(",")] if isinstance(text, str) else text


def split_each(texts: Any) -> Any:
    """The words of texts, each of which may have several, separated by commas."""
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        return texts
    return [word.strip() for text in texts for word in text.split(",")]


def few_words(text: str | None) -> str | None:
    """The text. Raises ValueError if it has too many words."""
    if text is not None and len(text.split()) > MAX_WORDS:
        raise ValueError(f"must have at most {MAX_WORDS} words")
    return text


def hours(text: str) -> int:
    """The hours of a duration such as 36h or 7d."""
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise ValueError("must be a number of hours or days, such as 36h or 7d")
    return int(found[1]) * (24 if found[2] == "d" else 1)
