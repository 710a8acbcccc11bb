"""The identity of a listing: one pure function, with the same result on every machine."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from hashlib import sha256
from itertools import repeat

from pydantic_core import to_json

from glyphd.contracts.columns import POSITION
from glyphd.contracts.memos import Memo
from glyphd.contracts.texts import clean_text, fold_ascii

IDENTITY_COLUMNS = (
    "model",
    "condition",
    "seller",
    "region",
    "source_url",
    "source_type",
    "min_order_qty",
)
VERSION_TAG = b"glyphd-listing-2"
LISTING_ID_BYTES = 16
_START = VERSION_TAG + b"["
_POSITIONS = [POSITION[name] for name in IDENTITY_COLUMNS]
_SCHEME_AND_HOST = re.compile(r"((?:[A-Za-z][A-Za-z0-9+.-]*:)?(?://)?)([^/?#]*@)?([^/?#]*)")
"""The beginning of a URL, with a scheme or without: scheme, name and password, host and port."""


def identity_of(row: Sequence[object]) -> tuple[object, ...]:
    """The seven identity values of a row in column order."""
    return tuple(row[at] for at in _POSITIONS)


def listing_id(identity: Sequence[object], ordinal: int) -> bytes:
    """16 bytes for the seven identity values and the number (1, 2, …) among the separate offers of
    that identity.

    The first half of SHA-256 over a version tag and the compact UTF-8 JSON array of the values,
    each text as it is compared, then the ordinal.
    """
    parts = [_part(name, value) for name, value in zip(IDENTITY_COLUMNS, identity, strict=True)]
    return _digest(b",".join(parts), b",%d]" % ordinal)


class ListingIds:
    """The identities of rows, by column: the same as `listing_id`, for many rows at a time. Missing
    columns are null."""

    def __init__(self) -> None:
        self._parts = {name: Memo(partial(_part, name)) for name in IDENTITY_COLUMNS}

    def of_first_offers(self, columns: Mapping[str, Sequence[object]], count: int) -> list[bytes]:
        """The `listing_id` of the first offer of each row's identity, for this many rows."""
        return [_digest(identity, b",1]") for identity in self._identities(columns, count)]

    def texts(self, columns: Mapping[str, Sequence[object]], count: int) -> list[str]:
        """For each row the text whose digest is its id, up to the ordinal; see `numbered`."""
        return [(_START + identity).decode() for identity in self._identities(columns, count)]

    def _identities(self, columns: Mapping[str, Sequence[object]], count: int) -> Iterator[bytes]:
        """The seven values of each row, as JSON without brackets."""
        parts = [
            self._parts[name].column(columns[name]) if name in columns else repeat(b"null", count)
            for name in IDENTITY_COLUMNS
        ]
        return map(b",".join, zip(*parts, strict=False))


def _digest(identity: bytes, end: bytes) -> bytes:
    return sha256(_START + identity + end).digest()[:LISTING_ID_BYTES]


def numbered(text: str, ordinal: str) -> str:
    """SQL for a text of `ListingIds.texts` with an ordinal: its digest is the `listing_id`."""
    return f"{text} || ',' || {ordinal} || ']'"


def _part(name: str, value: object) -> bytes:
    """One value's part of the JSON array: a text as it is compared."""
    if not isinstance(value, str):
        return to_json(value)
    text = clean_text(value)
    return to_json((_folded_url(text) if name == "source_url" else fold_ascii(text)) or None)


def _folded_url(url: str) -> str:
    """The URL with its scheme and its host in lower case, and otherwise unchanged."""
    if url.islower():
        return url
    found = _SCHEME_AND_HOST.match(url)
    assert found is not None
    scheme, user, host = found.groups(default="")
    return fold_ascii(scheme) + user + fold_ascii(host) + url[found.end() :]
