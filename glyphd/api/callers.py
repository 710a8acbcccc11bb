"""Who sends this request, as it is kept with imports, rollbacks and restores."""

import unicodedata

from bottle import request

from glyphd.api.request_headers import header
from glyphd.importing.requests import Caller

MAX_CLIENT_CHARACTERS = 100
MAX_AGENT_CHARACTERS = 500


def caller() -> Caller:
    """The client of this request. What it sends of itself is data: shortened, and without control
    characters.

    Its address is the one at the other end of the connection. Headers such as X-Forwarded-For are
    not read: any client can send them.
    """
    address, agent = str(request.environ.get("REMOTE_ADDR") or ""), header("User-Agent")
    return Caller(_clean(address, MAX_CLIENT_CHARACTERS), _clean(agent, MAX_AGENT_CHARACTERS))


def _clean(text: str, most: int) -> str | None:
    kept = "".join(
        character
        for character in text[: 2 * most]
        if unicodedata.category(character) not in ("Cc", "Cs")
    )
    return kept.strip()[:most] or None
