"""The client of a request, as stored with imports, rollbacks and restores."""

import re

from bottle import request

from glyphd.api.request_headers import header
from glyphd.importing.requests import Caller

MAX_CLIENT_CHARACTERS = 100
MAX_AGENT_CHARACTERS = 500
_UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters and halves of surrogate pairs."""


def caller() -> Caller:
    """The client of this request. What it sends of itself is data: shortened, and without control
    characters.

    Its address is the one at the other end of the connection. Headers such as X-Forwarded-For are
    not read: any client can send them.
    """
    address = _UNSHOWN.sub("", request.environ.get("REMOTE_ADDR") or "").strip()
    agent = _UNSHOWN.sub("", header("User-Agent")).strip()
    return Caller(address[:MAX_CLIENT_CHARACTERS] or None, agent[:MAX_AGENT_CHARACTERS] or None)
