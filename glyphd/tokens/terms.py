"""The terms of a new token as people write them: names, scopes, lifetimes."""

import re
from dataclasses import dataclass
from datetime import timedelta

from glyphd.times import now_text, parse_time, utc_now, utc_text
from glyphd.token_text import without_tokens
from glyphd.tokens.grants import Scope

MAX_SOURCE_CHARACTERS = 200
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}")
_LIFETIME = re.compile(r"([1-9][0-9]{0,5})([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True)
class Terms:
    """The name and the scope of a token, the only source that it may import as, and its expiry."""

    name: str
    scope: Scope
    source: str | None = None
    expires_at: str | None = None


def read_terms(
    name: str, scope: str, *, source: str | None = None, expires: str | None = None
) -> Terms:
    """The terms, checked. Raises ValueError with what is wrong."""
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name[:100]!r} is not a name: use up to 100 letters, digits and . _ @ + -, "
            "beginning with a letter or a digit"
        )
    if without_tokens(name) != name:
        raise ValueError("a name must not be a token: names are shown")
    if scope not in list(Scope):
        raise ValueError(f"{scope[:100]!r} is not a scope: use {', '.join(Scope)}")
    if source is not None:
        _require_source(source, Scope(scope))
    return Terms(name, Scope(scope), source, _read_expiry(expires) if expires else None)


def _require_source(source: str, scope: Scope) -> None:
    if scope is not Scope.WRITE:
        raise ValueError("a token for one source needs the scope write")
    if not source.strip() or len(source) > MAX_SOURCE_CHARACTERS or not source.isprintable():
        raise ValueError(f"a source has 1 to {MAX_SOURCE_CHARACTERS} printable characters")


def _read_expiry(text: str) -> str:
    """`90d`, `12h` and `4w` count from now; else a date or a time."""
    found = _LIFETIME.fullmatch(text)
    try:
        if found:
            lifetime = timedelta(**{_UNITS[found[2]]: int(found[1])})
            return utc_text(utc_now() + lifetime)
        moment = parse_time(text)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text[:100]!r} is not a lifetime such as 90d, 12h or 4w, nor a date such as "
            "2027-01-31"
        ) from None
    if moment <= now_text():
        raise ValueError(f"{text} is in the past")
    return moment
