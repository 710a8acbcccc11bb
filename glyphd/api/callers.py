"""The client of a request, as stored with imports, rollbacks and restores."""

import unicodedata

from bottle import request

from glyphd.api.request_headers import header
from glyphd.importing.requests import Caller

MAX_CLIENT_CHARACTERS = 100
MAX_AGENT_CHARACTERS = 500


def caller() -> Caller:
    """The client of this request. What it says about itself is shortened and stripped of control
    characters."""
    client, agent = peer_address(), header("User-Agent")
    return Caller(_clean(client, MAX_CLIENT_CHARACTERS), _clean(agent, MAX_AGENT_CHARACTERS))


def peer_address() -> str:
    """The address at the other end of the connection; empty if the server does not know it.

    Headers such as X-Forwarded-For are not read: any client can send them.
    """
    return str(request.environ.get("REMOTE_ADDR") or "")


def _clean(text: str, most: int) -> str | None:
    kept = "".join(
        character
        for character in text[: 2 * most]
        if unicodedata.category(character) not in ("Cc", "Cs")
    )
    return kept.strip()[:most] or None
