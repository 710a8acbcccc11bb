"""Why a row was refused: a value, never an exception."""

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from pydantic_core import PydanticCustomError

MAX_VALUE_CHARACTERS = 200


class Fault(NamedTuple):
    """What is wrong with a cell, and its text."""

    code: str
    message: str
    value: str | None

    @classmethod
    def of(cls, error: PydanticCustomError, value: str | None = None) -> "Fault":
        return cls(error.type, error.message(), value)


@dataclass(frozen=True, slots=True)
class RowError:
    """One thing wrong with one row.

    `row` is the record's number in the file (1, 2, 3 …), `line` the physical line where it starts,
    `field` the canonical column (None if the whole row is invalid), `column` the file's name for
    that column.
    """

    row: int
    line: int
    field: str | None
    column: str | None
    code: str
    message: str
    value: str | None

    @property
    def sentence(self) -> str:
        """The message, with the file's name for the column."""
        name = self.column or self.field
        return f"{name}: {self.message}" if name else self.message

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


ERROR_FIELDS = ("row", "line", "field", "column", "code", "message", "value")


def shown(value: str | None) -> str | None:
    """The value as shown in an error: at most 200 characters."""
    return None if value is None else value[:MAX_VALUE_CHARACTERS]
