"""The OpenAPI document in the form for a page: each route, content and problem."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from glyphd.api.forms import MULTIPART
from glyphd.api.openapi_answers import COMMON_HEADERS

Document = Mapping[str, Any]
Schema = Mapping[str, Any]

FEWEST_SHARED = 10
"""Fields that two contents must share before the second is said to have all of the first."""


@dataclass(frozen=True)
class Field:
    """One parameter, or one member of a content."""

    name: str
    kind: str
    description: str
    place: str = ""
    is_required: bool = False


@dataclass(frozen=True)
class Sent:
    """One status: its meaning, its media types and their contents."""

    status: str
    description: str
    media_types: list[str]
    contents: list[str]
    headers: list[str]
    is_required: bool = False


@dataclass(frozen=True)
class Operation:
    """One route."""

    name: str
    group: str
    method: str
    path: str
    summary: str
    description: str
    parameters: list[Field]
    body: Sent | None
    answers: list[Sent]
    problems: list[tuple[str, list[str]]]

    @property
    def curl_options(self) -> str:
        """What curl needs besides the address."""
        if self.method == "GET":
            return ""
        if self.body is None or not self.body.is_required:
            return f"-X {self.method} "
        if MULTIPART in self.body.media_types:
            return "-F file=@offers.csv "
        return f"-H 'Content-Type: {self.body.media_types[0]}' -d @body.json "


@dataclass(frozen=True)
class Contents:
    """The fields of a content; `base` is another content, all of whose fields it has."""

    name: str
    description: str
    base: str
    fields: list[Field]


class ApiReference:
    """The whole document, in the order in which it is shown."""

    def __init__(self, document: Document) -> None:
        self._components = document["components"]
        self.groups: list[tuple[str, str]] = [
            (tag["name"], tag["description"]) for tag in document["tags"]
        ]
        self.operations = [
            self._operation(path, method, operation)
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
        ]
        self.always = self._take_out_what_is_always()
        self.contents = sorted(self._contents(), key=lambda content: content.name)
        self.names = frozenset(content.name for content in self.contents)
        self.problems: list[tuple[str, int, str]] = sorted(
            (code, example["value"]["status"], example["summary"])
            for code, example in self._components["examples"].items()
        )
        self.request_headers = [
            self._parameter(parameter) for parameter in self._components["parameters"].values()
        ]
        self.answer_headers = [
            Field(name, kind_of(header["schema"]), header["description"])
            for name, header in self._components["headers"].items()
        ]

    def _take_out_what_is_always(self) -> frozenset[str]:
        """Removes the codes of problems that every route may answer with from the routes, and
        returns them."""
        of_each = [
            {code for _, codes in operation.problems for code in codes}
            for operation in self.operations
        ]
        always = frozenset.intersection(*map(frozenset, of_each))
        for operation in self.operations:
            left = [
                (status, [code for code in codes if code not in always])
                for status, codes in operation.problems
            ]
            operation.problems[:] = [(status, codes) for status, codes in left if codes]
        return always

    def _operation(self, path: str, method: str, operation: Mapping[str, Any]) -> Operation:
        answers = operation["responses"].items()
        body = operation.get("requestBody")
        return Operation(
            name=operation["operationId"],
            group=operation["tags"][0],
            method=method.upper(),
            path=path,
            summary=operation["summary"],
            description=operation["description"],
            parameters=list(self._parameters(operation["parameters"])),
            body=self._sent("", body) if body else None,
            answers=[self._sent(status, answer) for status, answer in answers if int(status) < 400],
            problems=[(status, _codes(answer)) for status, answer in answers if int(status) >= 400],
        )

    def _parameters(self, parameters: Iterable[Mapping[str, Any]]) -> Iterator[Field]:
        for parameter in parameters:
            name = parameter.get("$ref", "").rpartition("/")[2]
            yield self._parameter(self._components["parameters"][name] if name else parameter)

    def _parameter(self, parameter: Mapping[str, Any]) -> Field:
        return Field(
            parameter["name"],
            kind_of(parameter["schema"]),
            parameter["description"],
            parameter["in"],
            parameter.get("required", False),
        )

    def _sent(self, status: str, described: Mapping[str, Any]) -> Sent:
        content = described.get("content", {})
        kinds = (kind_of(media["schema"]) for media in content.values())
        return Sent(
            status,
            described.get("description", ""),
            list(content),
            [kind for kind in dict.fromkeys(kinds) if kind not in ("text", "bytes")],
            [name for name in described.get("headers", {}) if name not in COMMON_HEADERS],
            described.get("required", False),
        )

    def _contents(self) -> Iterator[Contents]:
        schemas: Mapping[str, Schema] = self._components["schemas"]
        by_size = sorted(schemas.items(), key=lambda item: len(item[1].get("properties", {})))
        seen: dict[str, Schema] = {}
        for name, schema in by_size:
            fields = schema.get("properties", {})
            base = _largest_part(seen, fields)
            shared = seen.get(base, {})
            own = [
                Field(field, kind_of(kind), kind.get("description", ""))
                for field, kind in fields.items()
                if field not in shared
            ]
            yield Contents(name, schema.get("description", ""), base, own)
            seen[name] = fields


def _codes(answer: Mapping[str, Any]) -> list[str]:
    (content,) = answer["content"].values()
    return list(content["examples"])


def _largest_part(seen: Mapping[str, Schema], fields: Schema) -> str:
    """The name of the largest content so far whose fields are all among these; empty if there is
    none."""
    parts = [
        (len(known), name)
        for name, known in seen.items()
        if len(known) >= FEWEST_SHARED and known.items() <= fields.items()
    ]
    return max(parts, default=(0, ""))[1]


def kind_of(schema: Schema) -> str:
    """A schema in a few words, such as `integer, 1 to 10000`; a content by its name."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(map(kind_of, schema["anyOf"])))
    if "enum" in schema:
        return " · ".join(map(str, schema["enum"]))
    if "const" in schema:
        return json.dumps(schema["const"]).strip('"')
    kinds = schema.get("type", "any")
    names = [kinds] if isinstance(kinds, str) else kinds
    return " or ".join(_named(name, schema) for name in names) + _range(schema)


def _named(name: str, schema: Schema) -> str:
    if name == "array":
        return f"list of {kind_of(schema.get('items', {}))}"
    if name == "string":
        words = {"date-time": "time", "date": "date", "binary": "bytes"}
        return words.get(schema.get("format", ""), "text")
    return {"null": "null", "object": "object"}.get(name, name)


def _range(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if high is not None and high < 2**63 - 1:
        return f", {low or 0} to {high}"
    longest = schema.get("maxLength")
    return f", up to {longest} characters" if longest else ""
