"""The schemas of the OpenAPI document: each contract once, under its name."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter

from glyphd.api.descriptions import BYTES, AnyOf, FormFields, Kind, Many, Named

Schema = dict[str, Any]
Mode = Literal["serialization", "validation"]
_COMPONENTS = "#/components/schemas/"


class Schemas:
    """`components/schemas`, which collects every schema that is referred to."""

    def __init__(self) -> None:
        self.components: dict[str, Schema] = {}

    def of(self, kind: Kind, mode: Mode = "serialization") -> Schema:
        """The schema of a content; a reference if the content has a name."""
        match kind:
            case Many():
                return {"type": "array", "items": self.of(kind.of, mode)}
            case AnyOf():
                return {"anyOf": [self.of(one, mode) for one in kind.kinds]}
            case Named():
                return self._named(kind.name, kind.make)
            case FormFields():
                return self._named(kind.name, lambda: self._form(kind))
            case type():
                return self._named(kind.__name__, lambda: TypeAdapter(kind).json_schema(mode=mode))
            case _:
                return dict(kind)

    def parameters(self, contract: type[BaseModel]) -> dict[str, Schema]:
        """The schema of each parameter of a contract.

        Defaults are left out: a client that sent them would change a retry, which keeps the options
        that are not given.
        """
        schema = self._tidied(contract.model_json_schema())
        found = {name: _without_null(kind) for name, kind in schema.get("properties", {}).items()}
        for kind in found.values():
            kind.pop("default", None)
        return found

    def _form(self, form: FormFields) -> Schema:
        fields = self.parameters(form.contract)
        if not form.has_file:
            return {"type": "object", "properties": fields, "additionalProperties": False}
        file = dict(BYTES) | {"description": "The CSV, which may be compressed with gzip"}
        return {
            "type": "object",
            "properties": {"file": file, **fields},
            "required": ["file"],
            "additionalProperties": False,
        }

    def _named(self, name: str, make: Callable[[], Mapping[str, Any]]) -> Schema:
        if name not in self.components:
            self.components[name] = {}  # a contract may contain itself
            self.components[name] = self._tidied(make())
        return {"$ref": _COMPONENTS + name}

    def _tidied(self, schema: Mapping[str, Any]) -> Schema:
        """The schema as the document has it: its inner definitions become components."""
        for name, definition in schema.get("$defs", {}).items():
            self._named(name, partial(dict, definition))
        return {
            key: self._part(key, value)
            for key, value in schema.items()
            if not _is_noise(key, value)
        }

    def _part(self, key: str, value: Any) -> Any:
        match key, value:
            case "$ref", str():
                return value.replace("#/$defs/", _COMPONENTS)
            case "description", str():
                return " ".join(value.split())
            case "properties", dict():
                return {name: self._inner(schema) for name, schema in value.items()}
            case _, list():
                return [self._inner(item) for item in value]
            case _:
                return self._inner(value)

    def _inner(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        if "properties" in value and "title" in value:
            return self._named(value["title"], partial(dict, value))
        return self._tidied(value)


def _is_noise(key: str, value: Any) -> bool:
    """Whether a member is a title that only repeats a name, a default of null, or a list of
    definitions."""
    return (
        key == "$defs"
        or (key == "title" and isinstance(value, str))
        or (key == "default" and value is None)
    )


def _without_null(schema: Schema) -> Schema:
    """The schema without null, which a query or a form can't express: a parameter without a value
    is left out."""
    kinds = schema.get("type")
    if isinstance(kinds, list):
        (kind,) = (kind for kind in kinds if kind != "null")
        return schema | {"type": kind}
    if "anyOf" in schema:
        (kept,) = (kind for kind in schema["anyOf"] if kind.get("type") != "null")
        rest = {name: value for name, value in schema.items() if name != "anyOf"}
        return {**rest, **kept}
    return schema
