"""Request headers as text. Bottle's own reading of them fails on bytes that are not UTF-8."""

from bottle import request

_WITHOUT_PREFIX = ("CONTENT_TYPE", "CONTENT_LENGTH")


def header_given(name: str) -> str | None:
    """The header's value, None if the request has no such header. Bytes that are not UTF-8 are
    read as Latin-1."""
    key = name.upper().replace("-", "_")
    value: str | None = request.environ.get(key if key in _WITHOUT_PREFIX else f"HTTP_{key}")
    if value is None:
        return None
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


def header(name: str) -> str:
    """The header's value, empty if the request has no such header."""
    return header_given(name) or ""
