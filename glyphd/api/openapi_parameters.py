"""The parameters of a route in the OpenAPI document: of its path, its query and its headers."""

import re
from collections.abc import Iterator
from typing import Any

from glyphd.api.descriptions import About
from glyphd.api.openapi_schemas import Schema, Schemas
from glyphd.contracts.parameter_reading import COMMA_SEPARATED, NEVER_BLANK, parameters_of
from glyphd.contracts.queries import MAX_WAIT_SECONDS

_IN_PATH = re.compile(r"<(\w+)[^>]*>")
_IMPORT_ID = {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[^/]+$"}

PATH_PARAMETERS: dict[str, tuple[str, Schema]] = {
    "import_id": ("The import's id", _IMPORT_ID),
    "a": ("The first import's id", _IMPORT_ID),
    "b": ("The second import's id", _IMPORT_ID),
    "listing_id": (
        "The listing's id: 32 hex digits",
        {"type": "string", "pattern": "^[0-9a-fA-F]{32}$"},
    ),
    "webhook_id": ("The webhook's id", _IMPORT_ID),
    "attempt_id": ("The attempt's id", {"type": "string", "pattern": "^[0-9]{1,9}$"}),
    "watch_id": ("The watch's id", _IMPORT_ID),
    "secret": ("The secret part of the address", _IMPORT_ID),
    "model": ("The model's name, ASCII case ignored", {"type": "string", "minLength": 1}),
}

REQUEST_HEADERS: dict[str, tuple[str, Schema]] = {
    "X-Request-Id": (
        "An id for this request, which the answer repeats; replaced if it is not a plain word",
        {"type": "string"},
    ),
    "If-None-Match": (
        "The `ETag` of an answer that the client has: 304 if it has not changed",
        {"type": "string"},
    ),
    "Accept-Encoding": ("`gzip`: the answer may be compressed", {"type": "string"}),
    "Range": (
        "`bytes=0-99`: these bytes of the whole answer, as 206; other units are ignored",
        {"type": "string"},
    ),
    "If-Range": (
        "The `ETag` that `Range` refers to: if it has changed, the whole answer is sent",
        {"type": "string"},
    ),
    "Prefer": (
        f"`wait=N`: wait up to N seconds, at most {MAX_WAIT_SECONDS}; `respond-async`: don't wait",
        {"type": "string", "examples": ["wait=30", "respond-async"]},
    ),
    "Idempotency-Key": (
        "Makes this request safe to repeat: the same key with the same content is one import",
        {"type": "string", "pattern": "^[!-~]{1,255}$"},
    ),
    "Content-Encoding": (
        "`gzip` if a raw body is compressed",
        {"type": "string", "enum": ["gzip", "identity"]},
    ),
    "Content-Disposition": (
        "The name of a raw body, as in `attachment; filename=offers.csv`",
        {"type": "string"},
    ),
}


def path_template(path: str) -> str:
    """`/api/imports/{import_id}` for a route's path."""
    return _IN_PATH.sub(r"{\1}", path)


def parameters(path: str, about: About, schemas: Schemas) -> list[dict[str, Any]]:
    """All of a route's parameters."""
    return [
        *(_path_parameter(name) for name in _IN_PATH.findall(path)),
        *_query_parameters(about, schemas),
        *({"$ref": f"#/components/parameters/{name}"} for name in _headers(about)),
    ]


def header_parameters() -> dict[str, dict[str, Any]]:
    """`components/parameters`: the headers of requests."""
    return {
        name: {"name": name, "in": "header", "description": description, "schema": schema}
        for name, (description, schema) in REQUEST_HEADERS.items()
    }


def _headers(about: About) -> list[str]:
    names = list(about.headers)
    if any("ETag" in answer.headers for answer in about.answers):
        names.append("If-None-Match")
    if any(answer.in_parts for answer in about.answers):
        names += ["Range", "If-Range"]
    return [*names, "Accept-Encoding", "X-Request-Id"]


def _path_parameter(name: str) -> dict[str, Any]:
    description, schema = PATH_PARAMETERS[name]
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": schema,
    }


def _query_parameters(about: About, schemas: Schemas) -> Iterator[dict[str, Any]]:
    for name, schema in schemas.parameters(about.query).items():
        parameter = {
            "name": name,
            "in": "query",
            "description": schema.pop("description", ""),
            "schema": schema,
        }
        field = parameters_of(about.query)[name]
        if field.is_required():
            parameter["required"] = True
        if NEVER_BLANK not in field.metadata:
            parameter["allowEmptyValue"] = True
        if name == "fields":
            schema["items"] = {"type": "string", "enum": list(about.columns)}
        if name in COMMA_SEPARATED and schema["type"] == "array":
            parameter |= {"style": "form", "explode": False}
        yield parameter
