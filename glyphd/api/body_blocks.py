"""The bytes of a request's body, block by block, within their limit."""

from collections.abc import Iterator

from bottle import request

from glyphd.request_errors import LengthMissing, MalformedBody, TooLarge
from glyphd.settings import Settings

BLOCK = 256 * 1024


def body_length() -> int:
    """The body's length, which the server always knows: it has received all of it, chunked ones too."""
    environ = request.environ
    if environ.get("HTTP_TRANSFER_ENCODING"):
        raise LengthMissing("unsupported Transfer-Encoding")
    text = environ.get("CONTENT_LENGTH") or "0"
    if not text.isdecimal():
        raise MalformedBody("Content-Length is not a number")
    return int(text)


def body_blocks(limit: int, too_large: TooLarge) -> Iterator[bytes]:
    """The body in blocks. Raises TooLarge before reading a body that says it is, MalformedBody for a short one."""
    left = body_length()
    if left > limit:
        raise too_large
    read = request.environ["wsgi.input"].read
    while left:
        block = read(min(BLOCK, left))
        if not block:
            raise MalformedBody(f"the body ended {left} bytes early")
        left -= len(block)
        yield block


def upload_too_large(settings: Settings) -> TooLarge:
    limit = settings.max_upload_bytes
    return TooLarge(f"an upload may have at most {limit} bytes", limit=limit)
