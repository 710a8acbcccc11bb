"""What can be asked of an import, and the key that makes a repeated push the same import."""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Literal, TypedDict

from glyphd_client.uploads import OnSent

KEY_VERSION = "glyphd-client-1"
_DEFAULTS: Mapping[str, Any] = {"on_error": "abort", "dry_run": False}


class ImportOptions(TypedDict, total=False):
    """The options of an upload, as docs/API.md describes them. None counts as left out.

    `map` is a list of `price_usd:Retail Price`, the column and its name in the file.
    """

    source: str | None
    description: str | None
    delimiter: Literal[",", ";", "tab", "|"] | None
    encoding: str | None
    map: Sequence[str]
    skip_lines: int | None
    decimal: Literal["point", "comma"] | None
    on_error: Literal["abort", "skip"]
    dry_run: bool
    complete: bool
    allow_shrink: bool


class PushOptions(ImportOptions, total=False):
    """What else can be said of a push.

    `key` is the Idempotency-Key; by default it follows from bytes and options. `gzip` is whether to
    pack the file, True by default. `filename` replaces the file's own name.
    """

    key: str | None
    gzip: bool
    filename: str | None
    on_sent: OnSent | None


def option_pairs(options: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The options as query parameters, in the order of their names, without defaults."""
    return [
        (name, text)
        for name, value in sorted(options.items())
        if value != _DEFAULTS.get(name)
        for text in texts_of(value)
    ]


def query_pairs(filters: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Filters as query parameters."""
    return [(name, text) for name, value in filters.items() for text in texts_of(value)]


def texts_of(value: Any) -> list[str]:
    """A parameter's value as texts: none for None and False, one for each item of a list."""
    if value is None or value is False:
        return []
    if value is True:
        return ["true"]
    if isinstance(value, str) or not isinstance(value, Sequence):
        return [value.isoformat() if hasattr(value, "isoformat") else str(value)]
    return [str(item) for item in value]


def content_key(digest: str, options: Mapping[str, Any]) -> str:
    """The Idempotency-Key of these bytes with these options, the same on every machine.

    `digest` is the SHA-256 of the file as it is here, so that packing does not change the key.
    """
    request = json.dumps([digest, option_pairs(options)], separators=(",", ":"))
    return f"{KEY_VERSION}-{sha256(request.encode()).hexdigest()}"
