"""The values of a row beyond the columns of the contract: one JSON object, with the file's own
names."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import CoreSchema, PydanticCustomError, core_schema as cs, from_json, to_json

from glyphd.contracts.cells import Cell
from glyphd.contracts.json_values import compact_json, require_no_nul, write_json
from glyphd.contracts.row_rules import EXTRA_TOO_LARGE, MAX_EXTRA_BYTES
from glyphd.contracts.texts import trimmed


@dataclass(frozen=True)
class ExtraCell(Cell):
    """A JSON object."""

    json_type = {"type": "object"}

    def parts(self) -> list[CoreSchema]:
        return [cs.no_info_plain_validator_function(require_small)]

    def as_text(self, value: Any) -> str | None:
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise PydanticCustomError("wrong_type", "must be an object")
        return write_extra(value)

    def native(self, stored: Any) -> Any:
        return None if stored is None else json.loads(stored)


def as_extra(unknown: Mapping[str, Any], given: Any) -> dict[str, Any]:
    """The object of the unknown columns, without empty values, merged with `given`.

    `given` is the value of a column named extra. The members of an object are merged, so that what
    the service returned can be uploaded again; any other value is stored like other columns.
    """
    found = dict(unknown)
    if isinstance(given, Mapping):
        found |= given
    else:
        found["extra"] = given
    return {name: value for name, value in found.items() if not is_empty(value)}


def is_empty(value: Any) -> bool:
    """True for null, and for a text without visible characters."""
    return value is None or (isinstance(value, str) and not trimmed(value))


def write_extra(extra: Mapping[str, Any]) -> str | None:
    """The object as it is stored; None for an empty one. Raises PydanticCustomError if it can't be
    stored."""
    if not extra:
        return None
    try:
        return require_small(_write(extra))
    except PydanticCustomError:
        raise
    except (TypeError, ValueError, RecursionError):
        raise PydanticCustomError("wrong_type", "must be a JSON value") from None


def require_small(text: str) -> str:
    """The text of an object. Raises PydanticCustomError if it is too large, or contains a NUL
    character."""
    if len(text) > MAX_EXTRA_BYTES or (not text.isascii() and len(text.encode()) > MAX_EXTRA_BYTES):
        raise PydanticCustomError(*EXTRA_TOO_LARGE)
    require_no_nul(text)
    return text


def read_object(text: str) -> dict[str, Any] | None:
    """The members of a text that is a JSON object; None for any other text.

    Raises PydanticCustomError for a repeated key.
    """
    if not text.startswith("{"):
        return None
    try:
        value = from_json(compact_json(text))
    except PydanticCustomError:
        raise
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _write(extra: Mapping[str, Any]) -> str:
    try:
        return write_json(extra)
    except PydanticCustomError:
        raise
    except ValueError:
        # A number too large for a double was read as infinity, which JSON can only express as a
        # string.
        return to_json(extra, inf_nan_mode="strings").decode()
