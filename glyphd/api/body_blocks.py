"""Reads a request's body block by block, within its limit."""

from collections.abc import Callable, Iterator

from bottle import request

from glyphd.request_errors import LengthMissing, MalformedBody

BLOCK = 256 * 1024


def body_blocks(require_size: Callable[[int], None]) -> Iterator[bytes]:
    """The body in blocks. `require_size` raises, before anything is read, for one with too many
    bytes.

    Raises MalformedBody for a body that is shorter than it said.
    """
    left = body_length()
    require_size(left)
    read = request.environ["wsgi.input"].read
    while left:
        block = read(min(BLOCK, left))
        if not block:
            raise MalformedBody(f"the body ended {left} bytes early")
        left -= len(block)
        yield block


def body_length() -> int:
    """The number of bytes of this request's body. Raises LengthMissing and MalformedBody."""
    if request.environ.get("HTTP_TRANSFER_ENCODING"):
        raise LengthMissing("unsupported Transfer-Encoding")  # our server unpacks chunked bodies
    length = request.environ.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal():
        raise MalformedBody("Content-Length is not a number")
    return int(length)
