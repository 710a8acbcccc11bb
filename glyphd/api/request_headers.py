"""Request headers as text. Bottle's own reading of them fails on bytes that are not UTF-8."""

from bottle import request

_WITHOUT_PREFIX = ("CONTENT_TYPE", "CONTENT_LENGTH")


def header(name: str) -> str:
    """The header's value, empty when the request has no such header. Bytes that are not UTF-8 are
    read as Latin-1."""
    key = name.upper().replace("-", "_")
    value: str = request.environ.get(key if key in _WITHOUT_PREFIX else f"HTTP_{key}") or ""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value
