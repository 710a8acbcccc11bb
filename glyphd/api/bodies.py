"""Parses request bodies as they stream in: raw, multipart and JSON, into the upload store."""

from collections.abc import Iterator
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
    MULTIPART,
    decoded,
    receive_form,
)
from glyphd.api.json_bodies import (
    json_value,
    read_json_body,
    require_small,
    without_repeated_keys,
)
from glyphd.api.query_strings import read_query_string
from glyphd.api.request_headers import content_encoding, header
from glyphd.errors import FileRefused
from glyphd.importing.intake import GZIP, Described
from glyphd.request_errors import MalformedBody, UnsupportedType
from glyphd.uploads import Receiving

MAX_NAMES_SHOWN = 20
MAX_NAME_SHOWN = 100
"""The number of characters of a body's names that a refusal repeats."""
PLAIN_TYPES = ("text/csv", "application/csv", "text/tab-separated-values")
RAW_TYPES = (*PLAIN_TYPES, *GZIP_TYPES)
FORM = "application/x-www-form-urlencoded"


def receive_upload(receiving: Receiving, limits: BodyLimits, look: Look) -> Body:
    """Streams the CSV of this request into the upload store, whatever form it comes in.

    `look` is called once, as soon as the first block has arrived, so that a refusal need not wait
    for the rest. It is not called for a file of a single block, nor for JSON, which is in memory as
    a whole.
    """
    arriving = Arriving(receiving, look)
    content_type, options = parse_options_header(header("Content-Type"))
    packed = content_encoding() == GZIP
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


def read_fields() -> list[tuple[str, str]]:
    """The fields of a small body, a form or a JSON object; an empty body has none."""
    content_type, _ = parse_options_header(header("Content-Type"))
    body = b"".join(body_blocks(require_small))
    if not body:
        return []
    if content_type == FORM:
        return read_query_string(decoded("body", body))
    if content_type == JSON:
        return list(_members(json_value(body)))
    raise UnsupportedType(f"the body must be {JSON} or {FORM}", offered=[JSON, FORM])


def _members(content: Any) -> Iterator[tuple[str, str]]:
    """The members of a JSON object as a form has them: one of a list repeats its name."""
    members = without_repeated_keys(content, MalformedBody)
    if not isinstance(members, dict):
        raise MalformedBody("the body must be a JSON object")
    for name, value in members.items():
        for one in value if isinstance(value, list) else [value]:
            if not isinstance(one, str | bool | int | float):
                what = f"the member {name[:50]!r} must be a string, a number, a boolean or a list"
                raise MalformedBody(f"{what} of them")
            yield name, _field_text(one)


def _field_text(value: str | bool | float) -> str:
    """The value as a form has it: in JSON, 3.0 is a whole number."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) else str(value).lower()


def _receive_json(receiving: Receiving, limits: BodyLimits) -> Body:
    content = without_repeated_keys(read_json_body(limits), FileRefused)
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
    if not isinstance(text, str):
        raise FileRefused("the JSON object must have a member csv with the text", missing=["csv"])
    if not isinstance(name, str | None):
        raise FileRefused("the member filename must be a string")
    receiving.write(text.encode())
    return Body(Described(name, "text/csv"), [], is_text=True)
