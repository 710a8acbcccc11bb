"""What all contracts have in common."""

from pydantic import BaseModel, ConfigDict
from pydantic_core import ErrorDetails

NO_NUL = r"^[^\x00]*$"
ONE_LINE = r"^[^\x00-\x1f\x7f]*$"
_PATTERNS = {
    NO_NUL: "must not contain a NUL character",
    ONE_LINE: "must be a single line without control characters",
}

_TYPES = {
    "extra_forbidden": "there is no such member",
    "missing": "is required",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
}


class Contract(BaseModel):
    """A contract whose validator is built at its first use: a process needs few of them, and
    building all of them would take a fifth of its start."""

    model_config = ConfigDict(defer_build=True)


def reason_of(error: ErrorDetails) -> str:
    """What pydantic says is wrong with a value, without its prefix and its regular expressions."""
    of_pattern = _PATTERNS.get(error.get("ctx", {}).get("pattern", ""))
    said = of_pattern or _TYPES.get(error["type"]) or error["msg"].removeprefix("Value error, ")
    return said.replace("Input should", "must").replace("String should", "must")
