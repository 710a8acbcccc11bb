"""The identity of a listing: one pure function, the same bytes on every machine."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from itertools import repeat
from operator import itemgetter

from pydantic_core import to_json

from glyphd.contracts.listings import POSITION
from glyphd.contracts.memos import ColumnMemo

IDENTITY_COLUMNS = ("model", "condition", "seller", "region", "source_url", "source_type", "min_order_qty")
VERSION_TAG = b"glyphd-listing-1"
LISTING_ID_BYTES = 16
_FIRST = VERSION_TAG + b"[%b,1]"

identity_of: Callable[[Sequence[object]], tuple[object, ...]] = itemgetter(
    *(POSITION[name] for name in IDENTITY_COLUMNS)
)
"""Picks the seven identity values out of a row in column order."""


def listing_id(identity: Sequence[object], ordinal: int) -> bytes:
    """16 bytes for the seven identity values and the how-manieth such row of its import it is (1, 2, …).

    The first half of SHA-256 over a version tag and the compact UTF-8 JSON array of the values, each text in
    Unicode's NFC and case-folded, then the ordinal.
    """
    model, condition, seller, region, source_url, source_type, min_order_qty = identity
    folded = [
        _fold(model),
        _fold(condition),
        _fold(seller),
        _fold(region),
        _fold_text(source_url) if isinstance(source_url, str) else None,
        _fold(source_type),
        min_order_qty,
        ordinal,
    ]
    return sha256(VERSION_TAG + to_json(folded)).digest()[:LISTING_ID_BYTES]


class ListingIds:
    """Gives the `listing_id` of rows by column: the same as `listing_id`, many at a time."""

    def __init__(self) -> None:
        self._parts = {name: ColumnMemo(_part) for name in IDENTITY_COLUMNS}

    def __call__(self, columns: Mapping[str, Sequence[object]], count: int) -> list[bytes]:
        """16 bytes for each of `count` rows, as if none was equal to another. Columns left out are null."""
        parts = [
            self._parts[name](columns[name]) if name in columns else repeat(b"null", count) for name in IDENTITY_COLUMNS
        ]
        joined = map(b",".join, zip(*parts, strict=False))
        return [sha256(_FIRST % identity).digest()[:LISTING_ID_BYTES] for identity in joined]


def _part(value: object) -> bytes:
    """One value's part of the JSON array."""
    return to_json(_fold_text(value) if isinstance(value, str) else value)


@lru_cache(maxsize=8192)
def _fold(text: object) -> str | None:
    """Cached, since every column but the URL repeats itself all through a file."""
    return _fold_text(text) if isinstance(text, str) else None


def _fold_text(text: str) -> str | None:
    return unicodedata.normalize("NFC", text.strip()).casefold() or None
