"""Cursors: opaque positions in a particular query."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from math import isfinite
from typing import Any

from glyphd.contracts.fingerprints import fingerprint
from glyphd.contracts.numeric_cells import MAX_INTEGER
from glyphd.request_errors import InvalidCursor

_UNSTORED = re.compile(r"[\0\ud800-\udfff]")


def write_cursor(query: Any, position: list[Any]) -> str:
    """The cursor for a position (JSON scalars) in a query."""
    text = json.dumps([fingerprint(query), *position], ensure_ascii=False, separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(query: Any, cursor: str, kinds: tuple[type, ...]) -> list[Any]:
    """The position in a cursor, whose values must have these types. Raises InvalidCursor, also for
    another query's cursor."""
    try:
        position: list[Any]
        made_for, *position = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError, RecursionError):
        raise InvalidCursor("this is not a cursor from glyphd", parameter="cursor") from None
    if made_for != fingerprint(query):
        raise InvalidCursor(
            "the cursor belongs to a query with other filters or another order", parameter="cursor"
        )
    if len(position) != len(kinds) or not all(map(_fits, position, kinds)):
        raise InvalidCursor("this is not a cursor from glyphd", parameter="cursor")
    return position


def _fits(value: Any, kind: type) -> bool:
    """Whether the archive could contain the value: a forged one must not reach the database."""
    if isinstance(value, str):
        return kind is str and not _UNSTORED.search(value)
    if type(value) is int:
        return kind in (int, float) and abs(value) <= MAX_INTEGER
    return type(value) is kind is float and isfinite(value)
