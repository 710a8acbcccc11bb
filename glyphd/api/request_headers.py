"""Request headers as text. Bottle's own reading of them fails on bytes that are not UTF-8."""

from collections.abc import Iterator
from functools import cache

from bottle import request

from glyphd.importing.intake import GZIP
from glyphd.request_errors import UnsupportedType

_WITHOUT_PREFIX = ("CONTENT_TYPE", "CONTENT_LENGTH")


def header(name: str) -> str:
    """The header's value, empty if the request has no such header. Bytes that are not UTF-8 are
    read as Latin-1."""
    return header_text(request.environ.get(_key_of(name)) or "")


def header_text(value: str) -> str:
    """The text of a header, from its bytes as Latin-1: old clients send names that are not
    UTF-8."""
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


@cache
def _key_of(name: str) -> str:
    """The header's name in a WSGI environment."""
    key = name.upper().replace("-", "_")
    return key if key in _WITHOUT_PREFIX else f"HTTP_{key}"


def content_encoding() -> str:
    """`gzip` for a body in gzip, empty for one as it is. Raises UnsupportedType for any other."""
    encoding = header("Content-Encoding").strip().lower()
    if encoding not in ("", "identity", GZIP, "x-gzip"):
        raise UnsupportedType(
            f"Content-Encoding {encoding[:50]!r} is not supported, only gzip", offered=[GZIP]
        )
    return GZIP if encoding.endswith(GZIP) else ""


def weighted(text: str) -> Iterator[tuple[float, str]]:
    """The choices in an `Accept…` header, in lower case, each with its weight. Those whose weight
    is not a number are left out."""
    for item in text.lower().split(","):
        choice, *parameters = (part.strip() for part in item.split(";"))
        weight = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        try:
            yield float(weight), choice
        except ValueError:
            continue
