"""JSON as text and as values. Unlike most parsers, this one refuses repeated keys in an object."""

import json
import re
from collections import Counter
from typing import Any

from pydantic_core import PydanticCustomError, from_json

NUL_CHARACTER = ("nul_character", "contains a NUL character")
_ESCAPED_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class RepeatedKeys:
    """Replaces an object that has a key more than once."""

    def __init__(self, key: str) -> None:
        self.key = key

    @property
    def error(self) -> PydanticCustomError:
        return PydanticCustomError(
            "duplicate_column", "has the key {key} twice", {"key": repr(self.key[:100])}
        )


def parse_json(text: str | bytes | bytearray) -> Any:
    """The value of a JSON text, with RepeatedKeys for each object that has a key twice.

    Raises ValueError for anything that is not JSON, including NaN and Infinity.
    """
    from_json(
        text, allow_inf_nan=False
    )  # stricter than the standard library about depth and lone surrogates
    return json.loads(text, object_pairs_hook=_object)


def _refuse(value: Any) -> Any:
    if isinstance(value, RepeatedKeys):
        raise value.error
    raise TypeError(f"{type(value).__name__} is not a JSON value")


write_json = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_refuse
).encode
"""Writes a value as compact JSON.

Raises ValueError or TypeError for a value that is not JSON, and PydanticCustomError for a repeated
key.
"""


def compact_json(text: str) -> str:
    """A JSON text without insignificant white space. Raises what `parse_json` and
    `write_json` raise."""
    compact = write_json(from_json(text, allow_inf_nan=False))
    # An object that lost a repeated key also lost a colon, and only an escape can add one.
    if "\\" in text or text.count(":") != compact.count(":"):
        return write_json(parse_json(text))
    return compact


def require_no_nul(text: str) -> None:
    """Raises PydanticCustomError if a string in the JSON text contains U+0000."""
    if _ESCAPED_NUL.search(text):
        raise PydanticCustomError(*NUL_CHARACTER)


def _object(pairs: list[tuple[str, Any]]) -> Any:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    counts = Counter(key for key, _ in pairs)
    return RepeatedKeys(next(key for key, count in counts.items() if count > 1))
