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
    environ = request.environ
    if environ.get("HTTP_TRANSFER_ENCODING"):
        raise LengthMissing("unsupported Transfer-Encoding")  # our server unpacks chunked bodies
    length = environ.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal():
        raise MalformedBody("Content-Length is not a number")
    left = int(length)
    require_size(left)
    read = environ["wsgi.input"].read
    while left:
        block = read(min(BLOCK, left))
        if not block:
            raise MalformedBody(f"the body ended {left} bytes early")
        left -= len(block)
        yield block
