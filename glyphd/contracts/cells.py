"""The kinds of cells in a listing row: how text becomes a value, and what is refused.

Every value, from CSV, JSON or Python, is first converted to the text of one cell (`Cell.read`), so
that the same rules apply everywhere. The rules run inside pydantic's compiled validator. Patterns
are checked before it converts anything, because it would also accept `1_000`, `nan`, and `20240101`
as seconds since 1970.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema as cs

from glyphd.contracts.json_values import NUL_CHARACTER, compact_json, require_no_nul, write_json
from glyphd.contracts.texts import clean_text, trimmed, unwrapped
from glyphd.times import parse_time, read_stored, utc_text

MAX_JSON_CHARACTERS = 65_536
_JSON_TOO_LONG = ("text_too_long", f"is longer than {MAX_JSON_CHARACTERS} characters")
NULL_MARKERS = frozenset({"n/a", "#n/a", "null", "none", "\\n", "nan", "-", "--"})
"""Texts that mean null, in any case, in a cell of an optional number, integer, boolean, time or
JSON column."""

TEXT_NULL_MARKERS = frozenset({"n/a", "#n/a", "#ref!", "null", "none", "\\n", "nan"})
"""The same for a text column: `-` may be meant literally, and `NA` is a region."""


def failing(schema: CoreSchema, code: str, message: str) -> CoreSchema:
    """The schema, with one stable code and message for any error in it."""
    return cs.custom_error_schema(schema, custom_error_type=code, custom_error_message=message)


@dataclass(frozen=True)
class Cell(ABC):
    """One kind of cell. Used as `Annotated[type, SomeCell()]` in a pydantic model. `cleaned`: white
    space inside counts as one space, and letters are brought to NFC."""

    required: bool = False
    cleaned: bool = False

    json_type: ClassVar[Mapping[str, Any]]
    null_markers: ClassVar[frozenset[str]] = NULL_MARKERS

    @abstractmethod
    def parts(self) -> list[CoreSchema]:
        """The steps from trimmed, non-empty text to the stored value."""

    def text_schema(self) -> CoreSchema:
        """Converts trimmed text or None (an empty cell) to the stored value."""
        if self.required:
            filled = failing(
                cs.str_schema(), "missing_value", "is required, but the cell has no value"
            )
            return cs.chain_schema([filled, *self.parts()])
        return cs.nullable_schema(cs.chain_schema(self.parts()))

    def read(self, cell: str) -> str:
        """The text of a cell as it is checked: trimmed, without Excel's wrapper."""
        text = unwrapped(trimmed(cell))
        return clean_text(text) if self.cleaned else text

    def read_all(self, cells: Sequence[str]) -> list[str]:
        """`read` of many cells. In most columns `str.strip` is enough, and testing for that is much
        faster than the full reading."""
        joined = "".join(cells)
        is_plain = joined.isascii() and '="' not in joined
        if is_plain and not (self.cleaned and ("  " in joined or not joined.isprintable())):
            return [cell.strip() for cell in cells]
        return list(map(self.read, cells))

    def as_text(self, value: Any) -> str | None:
        """The text of one cell for a value from JSON or Python. Raises PydanticCustomError."""
        text = scalar_text(value)
        return None if text is None else self.read(text) or None

    def explain(self, text: str) -> tuple[str, str] | None:
        """A more specific code and message for a refused text, if there is one."""
        return None

    def native(self, stored: Any) -> Any:
        """The Python value behind the stored one."""
        return stored

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        checked = cs.no_info_before_validator_function(self.as_text, self.text_schema())
        return cs.no_info_after_validator_function(self.native, checked)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        described = self.json_schema()
        if self.required or "type" not in described:
            return described
        return described | {"type": [described["type"], "null"]}

    def json_schema(self) -> dict[str, Any]:
        """The JSON Schema of the value, ignoring null."""
        return dict(self.json_type)


@dataclass(frozen=True)
class TextCell(Cell):
    """Text of at most `max_length` characters after cleaning. A URL is not `cleaned`, only
    trimmed."""

    cleaned: bool = True
    max_length: int = 200
    json_type = {"type": "string"}
    null_markers = TEXT_NULL_MARKERS

    def parts(self) -> list[CoreSchema]:
        message = f"is longer than {self.max_length} characters"
        return [failing(cs.str_schema(max_length=self.max_length), "text_too_long", message)]

    def as_text(self, value: Any) -> str | None:
        if value is not None and not isinstance(value, str):
            raise PydanticCustomError("wrong_type", "must be text")
        return super().as_text(value)

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": int(self.required), "maxLength": self.max_length}


BOOLEAN_WORDS = ("true", "false", "yes", "no", "1", "0")


@dataclass(frozen=True)
class BooleanCell(Cell):
    """`true/false`, `1/0` or `yes/no`, in any case."""

    json_type = {"type": "boolean"}

    def parts(self) -> list[CoreSchema]:
        word = cs.str_schema(pattern=f"^(?i:{'|'.join(BOOLEAN_WORDS)})$")
        return [
            failing(word, "not_a_boolean", f"is not one of {', '.join(BOOLEAN_WORDS)}"),
            cs.bool_schema(),
        ]


@dataclass(frozen=True)
class TimeCell(Cell):
    """RFC 3339, or ISO 8601 with a space for the `T`, or a plain date; kept as UTC text of fixed
    width."""

    json_type = {"type": "string", "format": "date-time"}

    def parts(self) -> list[CoreSchema]:
        parsed = cs.no_info_plain_validator_function(parse_time)
        return [failing(parsed, "not_a_time", "is not a time such as 2025-07-29T12:12:00Z")]

    def native(self, stored: Any) -> Any:
        return None if stored is None else read_stored(stored)


@dataclass(frozen=True)
class JsonCell(Cell):
    """A JSON text; other text is stored as a JSON string."""

    json_type = {"description": "Any JSON value"}

    def parts(self) -> list[CoreSchema]:
        return [cs.no_info_plain_validator_function(_json_text)]

    def as_text(self, value: Any) -> str | None:
        try:
            return None if value is None else write_json(value)
        except PydanticCustomError:
            raise
        except (TypeError, ValueError, RecursionError):
            raise PydanticCustomError("wrong_type", "must be a JSON value") from None

    def native(self, stored: Any) -> Any:
        return None if stored is None else json.loads(stored)


def scalar_text(value: Any) -> str | None:
    """The text that a CSV cell would have for a JSON or Python scalar; None for None.

    Raises PydanticCustomError for NUL characters and for values that are not scalars.
    """
    match value:
        case None:
            return None
        case str():
            if "\0" in value:
                raise PydanticCustomError(*NUL_CHARACTER)
            return value
        case bool():
            return "true" if value else "false"
        case int() | float() | Decimal():
            return str(value)
        case datetime():
            return utc_text(value)
        case date():
            return value.isoformat()
    raise PydanticCustomError("wrong_type", "must be a single value")


def _json_text(text: str) -> str | None:
    try:
        compact = compact_json(text)
    except PydanticCustomError:
        raise
    except (ValueError, RecursionError):
        compact = write_json(text)
    if len(compact) > MAX_JSON_CHARACTERS:
        raise PydanticCustomError(*_JSON_TOO_LONG)
    require_no_nul(compact)
    return None if compact == "null" else compact
