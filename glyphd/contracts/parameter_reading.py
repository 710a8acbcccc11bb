"""Reads query parameters into their contract: unknown ones are refused, and errors for invalid
values say what is allowed."""

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from enum import Enum
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from glyphd.contracts.cells import BOOLEAN_WORDS
from glyphd.contracts.contract_base import reason_of
from glyphd.contracts.texts import trimmed
from glyphd.request_errors import InvalidParameter, UnknownParameter

NEVER_BLANK = "never blank"
"""Marks a parameter whose empty value is refused: a script with an unset variable must not get the
whole market."""

COMMA_SEPARATED = frozenset({"fields", "by"})
"""Parameters whose one value is a list. Other lists repeat the parameter for each value."""

_MEANT = {("delimiter", "\t")}
"""Parameters for which white space is a value."""

_HINTS = dict.fromkeys(("offset", "page"), "use limit and cursor for pages")

AnyModel = TypeVar("AnyModel", bound=BaseModel)


def read_parameters(contract: type[AnyModel], pairs: Iterable[tuple[str, str]]) -> AnyModel:
    """The parameters as the contract's values; an empty value counts as absent, except for
    NEVER_BLANK ones.

    Raises UnknownParameter and InvalidParameter, naming the parameter, the value and what is
    allowed.
    """
    given: dict[str, Any] = {}
    known = parameters_of(contract)
    for name, value in pairs:
        field = known.get(name)
        if field is None:
            raise _unknown(name, list(known))
        if not trimmed(value) and (name, value) not in _MEANT:
            _refuse_blank(name, value, field)
            continue
        if get_origin(field.annotation) is list and name not in COMMA_SEPARATED:
            given.setdefault(name, []).append(value)
        elif name in given:
            raise InvalidParameter(f"{name} is given twice", parameter=name, value=value)
        else:
            given[name] = value
    try:
        found = contract.model_validate(given)
    except ValidationError as error:
        raise _invalid(contract, error) from None
    for low in (name for name in given if name.startswith("min_")):
        high = low.replace("min_", "max_", 1)
        if high in given and getattr(found, low) > getattr(found, high):
            detail = f"{low}={given[low]:.200} is above {high}={given[high]:.200}"  # none between
            raise InvalidParameter(detail, parameter=low, value=f"{given[low]:.200}")
    return found


def parameters_of(contract: type[BaseModel]) -> dict[str, FieldInfo]:
    """The contract's fields by the names that clients use: `from` is a Python keyword."""
    return {field.alias or name: field for name, field in contract.model_fields.items()}


def choices(kind: Any) -> list[str]:
    """The values that a Literal type allows."""
    return [str(word) for word in get_args(kind)]


def pick_columns(
    fields: Sequence[str], known: Sequence[str], default: Sequence[str] | None = None
) -> tuple[str, ...]:
    """The columns in `fields`, each once; without `fields` the default ones, or all known ones.

    Raises InvalidParameter.
    """
    for name in fields:
        if name not in known:
            nearest = next(iter(get_close_matches(name.lower(), known, n=1)), None)
            hint = f"; did you mean {nearest}?" if nearest else ""
            raise InvalidParameter(
                f"fields={name:.200}: there is no such column{hint}",
                parameter="fields",
                value=f"{name:.200}",
                nearest=nearest,
                allowed=list(known),
            )
    return tuple(dict.fromkeys(fields)) or tuple(default or known)


def _unknown(name: str, known: list[str]) -> UnknownParameter:
    nearest = next(iter(get_close_matches(name.lower(), known, n=1)), None)
    hint = f"; did you mean {nearest}?" if nearest else ""
    if name in _HINTS:
        hint = f": {_HINTS[name]}"
    return UnknownParameter(
        f"there is no parameter {name!r}{hint}", parameter=name, nearest=nearest, known=known
    )


def _invalid(contract: type[BaseModel], error: ValidationError) -> InvalidParameter:
    first = error.errors(include_url=False)[0]
    name, value = str(first["loc"][0]), first["input"]
    if first["type"] == "missing":
        return InvalidParameter(f"the parameter {name!r} is required", parameter=name)
    reason = reason_of(first)
    shown = (", ".join(map(str, value)) if isinstance(value, list) else str(value))[:200]
    allowed = list(_allowed(parameters_of(contract)[name].annotation))
    members: dict[str, Any] = {"allowed": allowed} if allowed else {}
    return InvalidParameter(f"{name}={shown}: {reason}", parameter=name, value=shown, **members)


def _allowed(kind: Any) -> Iterator[str]:
    """The values that a type allows, if there is a list of them."""
    if kind is bool:
        yield from BOOLEAN_WORDS
    elif isinstance(kind, type) and issubclass(kind, Enum):
        yield from (str(member.value) for member in kind)
    elif get_origin(kind) is Literal:
        yield from choices(kind)
    else:
        for part in get_args(kind):
            yield from _allowed(part)


def _refuse_blank(name: str, value: str, field: FieldInfo) -> None:
    if NEVER_BLANK in field.metadata:
        detail = f"{name} is empty: give it a value, or omit the parameter"
        raise InvalidParameter(detail, parameter=name, value=value[:200])
