"""The Prefer header (RFC 7240): how long a client is willing to wait for an answer."""

import re

from glyphd.api.request_headers import header
from glyphd.contracts.queries import MAX_WAIT_SECONDS

_QUOTED = r'"(?:\\.|[^"\\])*+"'
_ITEM = re.compile(rf'(?:{_QUOTED}?|[^,"])+')
_PREFERENCE = re.compile(rf'\s*+([^\s=;,"]++)\s*+(?:=\s*+({_QUOTED}|[^\s;"]*+)\s*+)?(?:;|$)')
_SECONDS = re.compile(r"\d+", re.ASCII)


def read_preferences(text: str) -> dict[str, str]:
    """The preferences by their names in lower case, without their parameters.

    The values are without quotes, and empty if there is none. The first one of a repeated
    preference counts; unparsable ones are ignored, like unknown ones. A server joins the lines of a
    repeated header with commas.
    """
    found: dict[str, str] = {}
    for item in _ITEM.findall(text):
        preference = _PREFERENCE.match(item)
        if preference is not None:
            found.setdefault(preference[1].lower(), _unquoted(preference[2] or ""))
    return found


def wait_asked() -> float | None:
    """Seconds that the client is willing to wait (`wait=N`, at most 60): 0 for `respond-async`,
    None without a preference.

    With both preferences `wait` wins: such a client accepts a 202, but only after that time.
    """
    preferences = read_preferences(header("Prefer"))
    if _SECONDS.fullmatch(preferences.get("wait", "")):
        return min(float(preferences["wait"]), MAX_WAIT_SECONDS)
    return 0 if "respond-async" in preferences else None


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
