"""The client of a request, as stored with imports, rollbacks and restores."""

import re

from bottle import request

from glyphd.api.request_headers import header
from glyphd.api.visitors import own_source, visitor
from glyphd.contracts.import_options import ImportOptions
from glyphd.importing.requests import Asked, Caller
from glyphd.token_text import without_tokens

CLIENT = "glyphd.client"
"""Where the application notes the client's address."""

TRACEPARENT = "glyphd.traceparent"
"""Where the application notes the `traceparent` of the request, if it has a valid one."""

MAX_CLIENT_CHARACTERS = 100
MAX_AGENT_CHARACTERS = 500
_UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters and halves of surrogate pairs."""


def caller() -> Caller:
    """The client of this request. What it says about itself is not trusted: it is shortened, and
    control characters are removed."""
    address = _UNSHOWN.sub("", client_address()).strip()
    agent = without_tokens(_UNSHOWN.sub("", header("User-Agent")).strip())
    return Caller(
        address[:MAX_CLIENT_CHARACTERS] or None,
        agent[:MAX_AGENT_CHARACTERS] or None,
        visitor().name,
        request.environ.get(TRACEPARENT),
    )


def wanted_import(options: ImportOptions, key: str | None) -> Asked:
    """The import that this request asks for, with the token's source if the token is bound to one.

    Raises InsufficientScope if it names another source.
    """
    source = own_source(options.source)
    if source != options.source:
        options = options.model_copy(update={"source": source})
    return Asked(options, key, caller())


def client_address() -> str:
    """The address at the other end of the connection, or the one that trusted proxies give; empty
    if the server does not provide it."""
    return str(request.environ.get(CLIENT) or request.environ.get("REMOTE_ADDR") or "")
