"""Reads the members of a JSON body into their contract."""

from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from glyphd.contracts.contract_base import reason_of
from glyphd.contracts.json_values import RepeatedKeys
from glyphd.contracts.parameter_reading import parameters_of
from glyphd.errors import Refused

AnyBody = TypeVar("AnyBody", bound=BaseModel)


def read_members(contract: type[AnyBody], content: Any, refusal: type[Refused]) -> AnyBody:
    """Raises the refusal with every member that is wrong."""
    if isinstance(content, RepeatedKeys):
        raise refusal(f"the JSON object {content.error.message()}")
    if not isinstance(content, dict):
        raise refusal("the body must be a JSON object")
    try:
        return contract.model_validate(content)
    except ValidationError as error:
        found = [
            {
                "field": ".".join(map(str, one["loc"])),
                "message": reason_of(one)
                + (_meant(contract, one["loc"]) if one["type"] == "extra_forbidden" else ""),
            }
            for one in error.errors(include_url=False)
        ]
    first = found[0]
    shown = f"{first['field']}: {first['message']}" if first["field"] else first["message"]
    raise refusal(shown, errors=found)


def _meant(contract: type[BaseModel], place: tuple[str | int, ...]) -> str:
    """The known member that is most similar to an unknown one, as the end of a sentence."""
    *outer, name = map(str, place)
    for part in outer:
        kind = contract.model_fields[part].annotation if part in contract.model_fields else None
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
            return ""
        contract = kind
    near = get_close_matches(name.lower(), parameters_of(contract), n=1)
    return f"; did you mean {near[0]}?" if near else ""
