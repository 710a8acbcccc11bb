"""The addresses of this service as its clients reach it, under the prefix of a proxy or of the WSGI
server.

Every link, `Location` and `Link` in an answer is made here.
"""

import re
from urllib.parse import quote, unquote

from bottle import request

LONGEST_PREFIX = 200
_PREFIX = re.compile(r"(?:/(?:[A-Za-z0-9._~!$@:+=-]|%[0-9A-Fa-f]{2})+)+")
"""Segments without the characters that end a path in a header, a cookie or an attribute. A second
slash at the beginning would name a host."""


def own_address(path: str) -> str:
    """The address of a path of this service, which must be quoted already."""
    return own_prefix() + path


def own_prefix() -> str:
    """The prefix of every path of this service: empty, or such as `/gpu`."""
    # As WSGI has it: the path's bytes as Latin-1.
    mounted = str(request.environ.get("SCRIPT_NAME") or "").encode("latin-1", "replace")
    return read_prefix(quote(mounted, safe="/!$@:+=~")) or ""


def own_origin() -> str:
    """Scheme, host and port of this service, as the client used them."""
    parts = request.urlparts
    return f"{parts.scheme}://{parts.netloc}"


def is_https() -> bool:
    """Whether the client's own connection is encrypted."""
    return bool(request.urlparts.scheme == "https")


def read_prefix(text: str) -> str | None:
    """A quoted prefix, normalized so that a path can follow; empty for `/`. None for one that no
    address can have."""
    prefix = text.removesuffix("/")
    if not prefix:
        return ""
    if len(prefix) > LONGEST_PREFIX or not _PREFIX.fullmatch(prefix):
        return None
    # A browser resolves these segments, which changes the prefix.
    segments = unquote(prefix, "latin-1").split("/")
    return None if {".", ".."} & set(segments) else prefix
