"""Checks answers against the OpenAPI document."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any

from jsonschema import Draft202012Validator

PROBLEM = "application/problem+json"
_COMPONENT = "#/components/"


@dataclass(frozen=True)
class Exchange:
    """A request and its answer."""

    method: str
    path: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0]


class Contract:
    """The promises of the document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document

    @cached_property
    def _paths(self) -> list[tuple[re.Pattern[str], str]]:
        """The templates; those without parameters come first, because they win if both match."""
        templates = sorted(self.document["paths"], key=lambda path: ("{" in path, -len(path)))
        return [(_pattern(template), template) for template in templates]

    def operation(self, method: str, path: str) -> dict[str, Any] | None:
        """The operation that answers such a request; None if there is none."""
        method = "get" if method == "HEAD" else method.lower()
        for pattern, template in self._paths:
            found = self.document["paths"][template].get(method)
            if found is not None and pattern.fullmatch(path):
                operation: dict[str, Any] = found
                return operation
        return None

    def faults(self, exchange: Exchange) -> list[str]:
        """What in the answer is not described by the document; empty for a path that it does not
        have."""
        operation = self.operation(exchange.method, exchange.path)
        if operation is None or exchange.method == "OPTIONS":
            return []
        response = operation["responses"].get(str(exchange.status))
        if response is None:
            return [f"status {exchange.status} is not described: {exchange.body[:300]!r}"]
        return [*self._of_headers(response, exchange), *self._of_body(response, exchange)]

    def complaints(self, schema: dict[str, Any], value: Any) -> list[str]:
        """How a value violates its schema."""
        errors = self._validator(json.dumps(schema)).iter_errors(value)
        return [f"{error.json_path}: {error.message[:300]}" for error in errors]

    def _of_headers(self, response: dict[str, Any], exchange: Exchange) -> list[str]:
        told = {name.lower() for name in response.get("headers", {})} | _OF_TRANSPORT
        return [f"header {name}" for name in exchange.headers if name.lower() not in told]

    def _of_body(self, response: dict[str, Any], exchange: Exchange) -> list[str]:
        if exchange.method == "HEAD" or (not exchange.body and "content" not in response):
            return []
        content = response.get("content", {}).get(exchange.media_type)
        if content is None:
            return [f"media type {exchange.media_type}"]
        is_part = exchange.status == HTTPStatus.PARTIAL_CONTENT
        if is_part or "json" not in exchange.media_type or "ndjson" in exchange.media_type:
            return []
        found = json.loads(exchange.body)
        faults = self.complaints(content["schema"], found)
        if exchange.media_type == PROBLEM and found["code"] not in content["examples"]:
            faults.append(f"code {found['code']}")
        return faults

    def _validator(self, schema: str) -> Draft202012Validator:
        kept = self._validators.get(schema)
        if kept is None:
            whole = {**json.loads(schema), "components": self.document["components"]}
            kept = self._validators[schema] = Draft202012Validator(whole)
        return kept

    @cached_property
    def _validators(self) -> dict[str, Draft202012Validator]:
        return {}


_OF_TRANSPORT = {"content-type", "content-length", "x-content-type-options", "date", "server"}


def _pattern(template: str) -> re.Pattern[str]:
    """A pattern for the paths of a template. A model's name may contain slashes."""
    text = re.escape(template).replace(r"\{model\}", r"[\s\S]+")
    return re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", text))
