"""JSON objects of the service to dataclasses.

Members that a dataclass does not know are ignored, and its defaults stand for those that are
missing, so that client and service may be of different versions.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from types import UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

Record = TypeVar("Record")


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def read_record(kind: type[Record], data: Mapping[str, Any]) -> Record:
    """The dataclass with the members of a JSON object."""
    hints = _hints(cast(Any, kind))
    assert is_dataclass(kind)
    return kind(
        **{
            field.name: _read(hints[field.name], data[field.name])
            for field in fields(kind)
            if field.init and field.name in data
        }
    )


def _read(kind: Any, value: Any) -> Any:
    """A JSON value as a dataclass's field has it: times, nested dataclasses and tuples of them."""
    if value is None:
        return None
    if get_origin(kind) in (Union, UnionType):
        kind = next(choice for choice in get_args(kind) if choice is not type(None))
    if kind is datetime:
        return datetime.fromisoformat(value)
    if get_origin(kind) is tuple:
        return tuple(_read(get_args(kind)[0], item) for item in value)
    if isinstance(kind, type) and is_dataclass(kind):
        return read_record(kind, value)
    return value
