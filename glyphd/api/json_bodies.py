"""Reads JSON bodies. They are held in memory, so they are limited by bytes and by their number of
values."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from multipart import parse_options_header

from glyphd.api.body_blocks import body_blocks
from glyphd.api.body_limits import BodyLimits
from glyphd.api.descriptions import JSON
from glyphd.api.forms import MAX_FIELD_BYTES
from glyphd.api.request_headers import content_encoding, header
from glyphd.contracts.json_values import RepeatedKeys, parse_json
from glyphd.errors import FileRefused, GlyphdError
from glyphd.request_errors import MalformedBody, TooLarge, UnsupportedType

BYTES_OF_A_VALUE = 16
"""A JSON body can have one value for this many bytes of the largest body: in rows every value has a
name."""

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"|(").*', re.DOTALL)
"""A string in JSON; the group is the quotation mark of one that does not end."""


def read_json_body(limits: BodyLimits) -> Any:
    """The JSON value of this request: rows, or a file as text.

    Raises FileRefused if it is malformed, and TooLarge as soon as there are too many bytes or
    values.
    """
    values = _Values(max(limits.max_json_bytes // BYTES_OF_A_VALUE, 1))
    return json_value(_read(partial(limits.require_size, JSON), values.add), FileRefused)


def read_small_json_body() -> Any:
    """The JSON value of this request: a few members. Raises MalformedBody and TooLarge."""
    return json_value(_read(require_small))


def require_small(size: int) -> None:
    """Raises TooLarge for a body with too many bytes for a few fields."""
    if size > MAX_FIELD_BYTES:
        raise TooLarge(f"this body may have at most {MAX_FIELD_BYTES} bytes", limit=MAX_FIELD_BYTES)


def json_value(body: bytes | bytearray, refusal: type[GlyphdError] = MalformedBody) -> Any:
    """The value, with RepeatedKeys for an object with a repeated key. Raises the refusal if it is
    not JSON."""
    try:
        return parse_json(body)
    except ValueError as error:
        raise refusal(f"the body is not JSON: {error}") from None


def without_repeated_keys(content: Any, refusal: type[GlyphdError]) -> Any:
    """Raises the refusal if the value itself is an object with a repeated key."""
    if isinstance(content, RepeatedKeys):
        raise refusal(f"the JSON object {content.error.message()}")
    return content


def _read(
    require_size: Callable[[int], None], look: Callable[[bytes], None] = lambda block: None
) -> bytearray:
    content_type, _ = parse_options_header(header("Content-Type"))
    if content_type != JSON or content_encoding():
        raise UnsupportedType(f"the body must be {JSON}", offered=[JSON])
    body = bytearray()
    for block in body_blocks(require_size):
        look(block)
        body += block
    return body


class _Values:
    """Counts values outside of strings in blocks of a body: `{}` takes 30 times as much memory as
    text."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0
        self._open = b""
        """The beginning of a string that has not ended yet."""

    def add(self, block: bytes) -> None:
        """Raises TooLarge if there are too many."""
        text = self._open + block
        outside = _STRING.sub(rb"\1", text)
        self._count += _marks(outside)
        if self._count > self._most:
            raise TooLarge(
                f"a JSON body may have at most {self._most} values; send more as a raw text/csv "
                "body",
                limit=self._most,
            )
        self._open = b"" if not outside.endswith(b'"') else b'"\\' if _is_escaping(text) else b'"'


def _marks(text: bytes) -> int:
    """How many characters precede a value: about as many as there are values."""
    return text.count(b",") + text.count(b"[") + text.count(b"{")


def _is_escaping(text: bytes) -> bool:
    """Whether the last backslash of a string escapes a character that has not arrived yet."""
    return bool((len(text) - len(text.rstrip(b"\\"))) % 2)
