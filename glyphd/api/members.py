"""Reads the members of a JSON body into their contract."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from glyphd.contracts.contract_base import reason_of
from glyphd.contracts.json_values import RepeatedKeys
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
                "message": reason_of(one),
            }
            for one in error.errors(include_url=False)
        ]
    first = found[0]
    shown = f"{first['field']}: {first['message']}" if first["field"] else first["message"]
    raise refusal(shown, errors=found)
