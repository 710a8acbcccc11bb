"""The kinds of cell a listing row is made of: how text becomes a value, and what it may not be.

Every value, from CSV, JSON or Python, is first brought to the text of one cell (`as_cell`), so that one set of
rules holds everywhere. The rules run inside pydantic's compiled validator. Its lax readings (`1_000`, `nan`,
`20240101` as seconds since 1970) are closed off by patterns before it converts anything.
"""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema as cs, from_json

from glyphd.times import parse_time, read_stored, utc_text

MAX_INTEGER = 2**63 - 1
MAX_JSON_CHARACTERS = 65_536
_NUMBER = r"^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
_INTEGER = r"^[+-]?[0-9]+(?:\.0+)?$"
_ESCAPED_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def failing(schema: CoreSchema, code: str, message: str) -> CoreSchema:
    """The schema with one stable code and sentence for whatever goes wrong in it."""
    return cs.custom_error_schema(schema, custom_error_type=code, custom_error_message=message)


@dataclass(frozen=True)
class Cell(ABC):
    """One kind of cell. Used as `Annotated[type, SomeCell()]` in a pydantic model."""

    required: bool = False

    json_type: ClassVar[Mapping[str, Any]]

    @abstractmethod
    def parts(self) -> list[CoreSchema]:
        """The steps from trimmed, non-empty text to the stored value."""

    def text_schema(self) -> CoreSchema:
        """Trimmed text or None (an empty cell) to the stored value."""
        if self.required:
            filled = failing(cs.str_schema(), "missing_value", "is required, but the cell is empty")
            return cs.chain_schema([filled, *self.parts()])
        return cs.nullable_schema(cs.chain_schema(self.parts()))

    def as_text(self, value: Any) -> str | None:
        """The text of one cell for a value that JSON or Python gave. Raises PydanticCustomError."""
        return as_cell(value)

    def native(self, stored: Any) -> Any:
        """The Python value behind the stored one."""
        return stored

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        checked = cs.no_info_before_validator_function(self.as_text, self.text_schema())
        return cs.no_info_after_validator_function(self.native, checked)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        described = self.json_schema()
        if self.required or "type" not in described:
            return described
        return described | {"type": [described["type"], "null"]}

    def json_schema(self) -> dict[str, Any]:
        """The value as JSON Schema, without regard to null."""
        return dict(self.json_type)


@dataclass(frozen=True)
class TextCell(Cell):
    """Text of at most `max_length` characters after trimming."""

    max_length: int = 200
    json_type = {"type": "string"}

    def parts(self) -> list[CoreSchema]:
        message = f"is longer than {self.max_length} characters"
        return [failing(cs.str_schema(max_length=self.max_length), "text_too_long", message)]

    def as_text(self, value: Any) -> str | None:
        if value is not None and not isinstance(value, str):
            raise PydanticCustomError("wrong_type", "must be text")
        return as_cell(value)

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": int(self.required), "maxLength": self.max_length}


@dataclass(frozen=True)
class IntegerCell(Cell):
    """A whole number, also written `80.0`; `flags` also takes `true` as 1 and `false` as 0."""

    minimum: int = 0
    maximum: int = MAX_INTEGER
    flags: bool = False
    json_type = {"type": "integer"}

    def parts(self) -> list[CoreSchema]:
        whole: CoreSchema = cs.str_schema(pattern=_INTEGER)
        if self.flags:
            flag = cs.chain_schema([cs.str_schema(pattern="^(?i:true|false)$"), cs.bool_schema(), cs.int_schema()])
            whole = cs.union_schema([whole, flag], mode="left_to_right")
        top = "2^63 - 1" if self.maximum == MAX_INTEGER else str(self.maximum)
        return [
            failing(whole, "not_an_integer", "is not a whole number"),
            failing(
                cs.int_schema(ge=self.minimum, le=self.maximum),
                "out_of_range",
                f"must be from {self.minimum} to {top}",
            ),
        ]

    def json_schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


@dataclass(frozen=True)
class NumberCell(Cell):
    """A finite decimal number, kept as the nearest double; `minimum` is inclusive, `above` exclusive."""

    minimum: float | None = None
    above: float | None = None
    json_type = {"type": "number"}

    def parts(self) -> list[CoreSchema]:
        number = cs.float_schema(allow_inf_nan=False, ge=self.minimum, gt=self.above)
        # A zero has no sign here: SQLite would drop it, PostgreSQL keep it, and -0.0 would sort as 0 but print as -0.
        unsigned = cs.no_info_plain_validator_function((0.0).__add__)
        return [
            failing(cs.str_schema(pattern=_NUMBER), "not_a_number", "is not a decimal number"),
            failing(number, "out_of_range", f"must be {self._range()}"),
            *([] if self.above is not None and self.above >= 0 else [unsigned]),
        ]

    def _range(self) -> str:
        if self.minimum is not None:
            return f"finite and at least {self.minimum:g}"
        return "finite" if self.above is None else f"finite and above {self.above:g}"

    def json_schema(self) -> dict[str, Any]:
        bounds = {"minimum": self.minimum, "exclusiveMinimum": self.above}
        return {"type": "number", **{name: at for name, at in bounds.items() if at is not None}}


BOOLEAN_WORDS = ("true", "false", "yes", "no", "1", "0")


@dataclass(frozen=True)
class BooleanCell(Cell):
    """`true/false`, `1/0` or `yes/no`, in any case."""

    json_type = {"type": "boolean"}

    def parts(self) -> list[CoreSchema]:
        word = cs.str_schema(pattern=f"^(?i:{'|'.join(BOOLEAN_WORDS)})$")
        return [failing(word, "not_a_boolean", f"is not one of {', '.join(BOOLEAN_WORDS)}"), cs.bool_schema()]


@dataclass(frozen=True)
class TimeCell(Cell):
    """RFC 3339, or ISO 8601 with a space for the `T`, or a plain date; kept as UTC text of fixed width."""

    json_type = {"type": "string", "format": "date-time"}

    def parts(self) -> list[CoreSchema]:
        return [cs.no_info_plain_validator_function(_time_text)]

    def native(self, stored: Any) -> Any:
        return None if stored is None else read_stored(stored)


@dataclass(frozen=True)
class JsonCell(Cell):
    """A JSON text; text that is not JSON is kept as a JSON string."""

    json_type = {"description": "Any JSON value"}

    def parts(self) -> list[CoreSchema]:
        return [cs.no_info_plain_validator_function(_json_text)]

    def as_text(self, value: Any) -> str | None:
        try:
            return None if value is None else _dump_json(value)
        except (TypeError, ValueError, RecursionError):
            raise PydanticCustomError("wrong_type", "must be a JSON value") from None

    def native(self, stored: Any) -> Any:
        return None if stored is None else json.loads(stored)


def as_cell(value: Any) -> str | None:
    """The text that a CSV cell would hold for a JSON or Python scalar, trimmed; None for an empty one.

    Raises PydanticCustomError for NUL characters and for anything but a scalar.
    """
    match value:
        case None:
            return None
        case str():
            if "\0" in value:
                raise PydanticCustomError("nul_character", "holds a NUL character")
            return value.strip() or None
        case bool():
            return "true" if value else "false"
        case int() | float() | Decimal():
            return str(value)
        case datetime():
            return utc_text(value)
        case date():
            return value.isoformat()
    raise PydanticCustomError("wrong_type", "must be a single value")


_dump_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def _time_text(text: str) -> str:
    try:
        return parse_time(text)
    except ValueError:
        raise PydanticCustomError("not_a_time", "is not a time such as 2025-07-29T12:12:00Z") from None


def _json_text(text: str) -> str | None:
    try:
        compact = _dump_json(from_json(text, allow_inf_nan=False))
    except (ValueError, RecursionError):
        compact = _dump_json(text)
    if len(compact) > MAX_JSON_CHARACTERS:
        raise PydanticCustomError("text_too_long", "is longer than 65536 characters")
    if _ESCAPED_NUL.search(compact):
        raise PydanticCustomError("nul_character", "holds a NUL character")
    return None if compact == "null" else compact
