"""What a trusted proxy says about the address that its client used."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import unquote_to_bytes

from glyphd.api.own_addresses import read_prefix
from glyphd.hosts import parse_host

_ADDRESS = ("HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PREFIX", "HTTP_X_FORWARDED_PROTO")
_OTHERS = (
    "HTTP_FORWARDED",
    "HTTP_X_FORWARDED_BY",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PORT",
)
_SCHEMES = ("http", "https")


def take_forwarded(environ: dict[str, Any], is_trusted: bool) -> None:
    """Puts scheme, host and prefix where WSGI has them, if the proxy is trusted.

    The headers are removed, because Bottle would trust them from any peer and in any form.
    """
    if is_trusted:
        environ |= _forwarded(environ)
    for name in _ADDRESS if is_trusted else (*_ADDRESS, *_OTHERS):
        environ.pop(name, None)


def last_of(text: str) -> str:
    """The last value of a header: proxies append to it, so the last value is from our peer."""
    return text.rpartition(",")[2].strip()


def forwarded_prefix(text: str) -> str:
    """The prefix in an `X-Forwarded-Prefix`; empty if it is malformed."""
    return read_prefix(last_of(text)) or ""


def _forwarded(environ: Mapping[str, Any]) -> dict[str, str]:
    """The parts that are given and well-formed."""

    def given(name: str) -> str:
        return last_of(environ.get(f"HTTP_X_FORWARDED_{name}", ""))

    found = {}
    scheme, host, prefix = given("PROTO").lower(), given("HOST"), forwarded_prefix(given("PREFIX"))
    if scheme in _SCHEMES:
        found["wsgi.url_scheme"] = scheme
    with suppress(ValueError):
        parse_host(host)
        found["HTTP_HOST"] = host
    if prefix:
        found["SCRIPT_NAME"] = unquote_to_bytes(prefix).decode("latin-1")
    return found
