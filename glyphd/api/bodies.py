"""Parses request bodies as they stream in: raw, multipart and JSON, into the upload store."""

import re
from functools import partial
from typing import Any

from multipart import parse_options_header

from glyphd.api.arriving import Arriving, Body, Look
from glyphd.api.body_blocks import body_blocks
from glyphd.api.body_limits import BodyLimits
from glyphd.api.descriptions import JSON
from glyphd.api.dispositions import charset_of, filename_of
from glyphd.api.forms import (
    FILE_FIELD,
    GZIP_TYPES,
    MAX_FIELD_BYTES,
    MULTIPART,
    decoded,
    receive_form,
)
from glyphd.api.query_strings import read_query_string
from glyphd.api.request_headers import header
from glyphd.contracts.json_values import RepeatedKeys, parse_json
from glyphd.errors import FileRefused
from glyphd.importing.intake import GZIP, Described
from glyphd.request_errors import TooLarge, UnsupportedType
from glyphd.uploads import Receiving

MAX_NAMES_SHOWN = 20
MAX_NAME_SHOWN = 100
"""How much of a body's names a refusal repeats."""
PLAIN_TYPES = ("text/csv", "application/csv", "text/tab-separated-values")
RAW_TYPES = (*PLAIN_TYPES, *GZIP_TYPES)
BYTES_OF_A_VALUE = 16
"""A JSON body can have one value for this many bytes of the largest body: rows have names before
their values."""
_TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
"""A string in JSON. An unclosed one extends to the end of the body, because searching for its end
again would take quadratic time."""
FORM = "application/x-www-form-urlencoded"


def receive_upload(receiving: Receiving, limits: BodyLimits, look: Look) -> Body:
    """Streams the CSV of this request into the upload store, whatever form it comes in.

    `look` is called once, as soon as the first block has arrived, so that a refusal need not wait
    for the rest. It is not called for a file of a single block, nor for JSON, which is in memory as
    a whole.
    """
    arriving = Arriving(receiving, look)
    content_type, options = parse_options_header(header("Content-Type"))
    packed = _content_encoding() == GZIP
    if content_type in RAW_TYPES:
        kind = "text/csv" if content_type in GZIP_TYPES else content_type
        is_packed = packed or content_type in GZIP_TYPES
        described = Described(
            filename_of(header("Content-Disposition")), kind, GZIP if is_packed else None
        )
        body = Body(described, [], charset=charset_of(options))
        for block in body_blocks(partial(limits.require_size, kind)):
            arriving.add(block, lambda: body, is_complete=True)
        return body
    if packed:
        raise UnsupportedType(
            f"{content_type or 'this body'} can't be sent with Content-Encoding: gzip, only "
            "text/csv can"
        )
    if content_type == MULTIPART:
        form = receive_form(options.get("boundary", ""), limits, iter([arriving]))
        if form.files:
            return form.body_of(form.files[0])
        found = [name for name, _ in form.fields()]
        what = f"the form has no part named {FILE_FIELD}; found: {', '.join(found) or 'nothing'}"
        raise FileRefused(what, found=found)
    if content_type == JSON:
        return _receive_json(receiving, limits)
    hint = " (with curl, add -H 'Content-Type: text/csv')" if "urlencoded" in content_type else ""
    offered = [*RAW_TYPES, MULTIPART, JSON]
    what = f"unsupported Content-Type {content_type}" if content_type else "missing Content-Type"
    raise UnsupportedType(f"{what}{hint}, expected one of {', '.join(offered)}", offered=offered)


def read_json_body(limits: BodyLimits) -> Any:
    """The JSON value of this request. Raises FileRefused when it is malformed, TooLarge over the
    cap."""
    content_type, _ = parse_options_header(header("Content-Type"))
    if content_type != JSON or _content_encoding():
        raise UnsupportedType(f"the body must be {JSON}", offered=[JSON])
    body = bytearray().join(body_blocks(partial(limits.require_size, JSON)))
    _require_few_values(body, limits)
    return _json_value(bytes(body))


def read_fields() -> list[tuple[str, str]]:
    """The fields of a small body, a form or a JSON object of texts and booleans; an empty body has
    none."""
    content_type, _ = parse_options_header(header("Content-Type"))
    body = b"".join(body_blocks(_require_small))
    if not body:
        return []
    if content_type == FORM:
        return read_query_string(decoded("body", body))
    if content_type == JSON:
        content = _without_repeated_keys(_json_value(body))
        if isinstance(content, dict) and all(map(_is_field, content.values())):
            return [(name, _field_text(value)) for name, value in content.items()]
        raise FileRefused("the body must be a JSON object whose values are strings or booleans")
    raise UnsupportedType(f"the body must be {JSON} or {FORM}", offered=[JSON, FORM])


def _is_field(value: Any) -> bool:
    return isinstance(value, str | bool)


def _field_text(value: str | bool) -> str:
    """The value as a form has it."""
    return value if isinstance(value, str) else str(value).lower()


def _require_small(size: int) -> None:
    if size > MAX_FIELD_BYTES:
        raise TooLarge(f"this body may have at most {MAX_FIELD_BYTES} bytes", limit=MAX_FIELD_BYTES)


def _json_value(body: bytes) -> Any:
    """The value, with RepeatedKeys for an object with a repeated key."""
    try:
        return parse_json(body)
    except ValueError as error:
        raise FileRefused(f"the body is not JSON: {error}") from None


def _require_few_values(body: bytearray, limits: BodyLimits) -> None:
    """Raises TooLarge for more values than a body of rows has: `{}` takes 30 times as much memory
    as text.

    Strings are removed only if necessary: a CSV is one string with many commas.
    """
    most = max(limits.max_json_bytes // BYTES_OF_A_VALUE, 1)
    if _marks(body) > most and _marks(_TEXT.sub(b"", body)) > most:
        raise TooLarge(
            f"a JSON body may have at most {most} values; send more as a raw text/csv body",
            limit=most,
        )


def _marks(body: bytes | bytearray) -> int:
    """How many characters precede a value: about as many as there are values."""
    return body.count(b",") + body.count(b"[") + body.count(b"{")


def _without_repeated_keys(content: Any) -> Any:
    if isinstance(content, RepeatedKeys):
        raise FileRefused(f"the JSON object {content.error.message()}")
    return content


def _content_encoding() -> str:
    encoding: str = header("Content-Encoding").strip().lower()
    if encoding not in ("", "identity", GZIP, "x-gzip"):
        raise UnsupportedType(
            f"Content-Encoding {encoding[:50]!r} is not supported, only gzip", offered=[GZIP]
        )
    return GZIP if encoding.endswith(GZIP) else ""


def _receive_json(receiving: Receiving, limits: BodyLimits) -> Body:
    content = _without_repeated_keys(read_json_body(limits))
    if not isinstance(content, dict):
        raise FileRefused(
            'the body must be a JSON object such as {"filename": "offers.csv", "csv": "…"}'
        )
    text, name = content.get("csv"), content.get("filename")
    unknown = [
        name[:MAX_NAME_SHOWN]
        for name in sorted(set(content) - {"csv", "filename"})[:MAX_NAMES_SHOWN]
    ]
    if unknown:
        raise FileRefused(
            f"unknown members {', '.join(unknown)[:200]}: options are query parameters",
            unknown=unknown,
        )
    if not isinstance(text, str) or not isinstance(name, str | None):
        raise FileRefused(
            "the JSON object must have a member csv with the text, and can have a filename",
            missing=["csv"],
        )
    receiving.write(text.encode())
    return Body(Described(name, "text/csv"), [], is_text=True)
