"""The kinds of cells with a number: its patterns with a decimal point or a decimal comma, and
its range."""

import re
from dataclasses import dataclass
from typing import Any

from pydantic_core import CoreSchema, PydanticCustomError, core_schema as cs

from glyphd.contracts.cells import Cell, failing

MAX_INTEGER = 2**63 - 1
_NUMBER = r"^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
_INTEGER = r"^[+-]?[0-9]+(?:\.0+)?$"
_WHOLE_WITH_POINTS = r"[+-]?(?:[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]+)"
_COMMA_NUMBER = rf"^(?:{_WHOLE_WITH_POINTS}(?:,[0-9]*)?|[+-]?,[0-9]+)(?:[eE][+-]?[0-9]+)?$"
_COMMA_INTEGER = rf"^{_WHOLE_WITH_POINTS}(?:,0+)?$"
_ONLY_WITH_COMMA = re.compile(
    r"[+-]?(?:[0-9]*,(?:[0-9]{1,2}|[0-9]{4,})|[0-9]+(?:\.[0-9]+)+,[0-9]+)", re.ASCII
)

DECIMAL_COMMA = ("decimal_comma", "has a decimal comma: send the file with decimal=comma")
"""The error for a number that makes sense only with a decimal comma. Then the file's other numbers
can't be trusted."""

_NOT_AN_INTEGER = ("not_an_integer", "is not a whole number")


@dataclass(frozen=True)
class NumericCell(Cell):
    """A number. `comma`: written as `1.299,50`, with a decimal comma and optional points between
    thousands."""

    comma: bool = False

    def explain(self, text: str) -> tuple[str, str] | None:
        return DECIMAL_COMMA if not self.comma and _ONLY_WITH_COMMA.fullmatch(text) else None

    def _digits(self, with_point: str, with_comma: str) -> CoreSchema:
        """The text of a number of this pattern, always with a decimal point."""
        if not self.comma:
            return cs.str_schema(pattern=with_point)
        return cs.chain_schema(
            [
                cs.str_schema(pattern=with_comma),
                cs.no_info_plain_validator_function(_with_decimal_point),
            ]
        )


@dataclass(frozen=True)
class IntegerCell(NumericCell):
    """A whole number, also written `80.0`; `flags` also takes `true` as 1 and `false` as 0."""

    minimum: int = 0
    maximum: int = MAX_INTEGER
    flags: bool = False
    json_type = {"type": "integer"}

    def parts(self) -> list[CoreSchema]:
        whole = self._digits(_INTEGER, _COMMA_INTEGER)
        if self.flags:
            flag = cs.chain_schema(
                [cs.str_schema(pattern="^(?i:true|false)$"), cs.bool_schema(), cs.int_schema()]
            )
            whole = cs.union_schema([whole, flag], mode="left_to_right")
        top = "2^63 - 1" if self.maximum == MAX_INTEGER else str(self.maximum)
        return [
            failing(whole, *_NOT_AN_INTEGER),
            failing(
                cs.int_schema(ge=self.minimum, le=self.maximum),
                "out_of_range",
                f"must be from {self.minimum} to {top}",
            ),
        ]

    def as_text(self, value: Any) -> str | None:
        if isinstance(value, bool) and not self.flags:
            raise PydanticCustomError(*_NOT_AN_INTEGER)
        return super().as_text(value)

    def json_schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


@dataclass(frozen=True)
class NumberCell(NumericCell):
    """A finite decimal number, kept as the nearest double; `minimum` is inclusive, `above`
    exclusive."""

    minimum: float | None = None
    above: float | None = None
    json_type = {"type": "number"}

    def parts(self) -> list[CoreSchema]:
        number = cs.float_schema(allow_inf_nan=False, ge=self.minimum, gt=self.above)
        # Zero has no sign: SQLite would drop it, PostgreSQL would keep it, and -0.0 would sort as 0
        # but print as -0.
        unsigned = cs.no_info_plain_validator_function((0.0).__add__)
        kind = "a number such as 1.299,50" if self.comma else "a decimal number"
        return [
            failing(self._digits(_NUMBER, _COMMA_NUMBER), "not_a_number", f"is not {kind}"),
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


def _with_decimal_point(text: str) -> str:
    return text.replace(".", "").replace(",", ".")
