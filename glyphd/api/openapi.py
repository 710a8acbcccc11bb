"""The OpenAPI document, made from the route table and the contracts that requests are checked
by."""

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from glyphd.api.descriptions import About, RequestBody
from glyphd.api.needs import Need
from glyphd.api.openapi_answers import answer_headers, failures, problem_examples, responses
from glyphd.api.openapi_parameters import header_parameters, parameters, path_template
from glyphd.api.openapi_schemas import Schemas
from glyphd.api.routes import Route

OPENAPI = "3.1.1"
TOKEN = "token"
GROUPS = {
    "Imports": "Sending files and rows, following their import, and rolling it back",
    "Listings": "The market: current offers, their history, and the rows of files behind them",
    "Models": "What each GPU model costs and scores, now and over time",
    "Market": "Prices and scores of any part of the market, now and over time",
    "Changes": "What changed between observations, and between imports",
    "Events": "What happened to imports, in order",
    "Webhooks": "Addresses that events are sent to, and the attempts to deliver to them",
    "Watches": "Saved searches that report new or changed offers, and their matches",
    "Service": "The row contract, this document, health and metrics",
}
_INFO = """\
glyphd is the ledger of the GPU market: it imports CSV files of scored offers and answers \
questions about the listings. Lists come as JSON, CSV or NDJSON. `HEAD` and `OPTIONS` work \
wherever `GET` does. Every error is a problem document (RFC 9457) with a stable `code`. \
Times are UTC."""


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """The document of these routes. Raises KeyError for a part without a description."""
    schemas = Schemas()
    described = [(route, route.about) for route in routes if route.about is not None]
    paths: dict[str, dict[str, Any]] = {}
    for route, about in described:
        operations = paths.setdefault(path_template(route.path), {})
        operations[route.method.lower()] = _operation(route, about, schemas)
    problems = {
        failure.code: failure for route, about in described for failure in failures(route, about)
    }
    return {
        "openapi": OPENAPI,
        "info": {
            "title": "glyphd",
            "version": version("glyphd"),
            "description": _INFO,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        # Relative to this document, whatever prefix a proxy adds.
        "servers": [{"url": "."}],
        "tags": [{"name": name, "description": about} for name, about in GROUPS.items()],
        "paths": paths,
        "components": {
            "securitySchemes": {TOKEN: {"type": "http", "scheme": "bearer"}},
            "schemas": dict(sorted(schemas.components.items())),
            "parameters": header_parameters(),
            "headers": answer_headers(),
            "examples": problem_examples(list(problems.values())),
        },
    }


def _operation(route: Route, about: About, schemas: Schemas) -> dict[str, Any]:
    return {
        "operationId": about.operation,
        "tags": [about.group],
        "summary": about.summary,
        "description": _detail(route, about),
        "security": _security(route.scope),
        "parameters": parameters(route.path, about, schemas),
        **({} if about.body is None else {"requestBody": _body(about.body, schemas)}),
        "responses": responses(route, about, schemas),
    }


def _detail(route: Route, about: About) -> str:
    scope = route.scope.scope
    if scope is None:
        return about.detail
    return f"{about.detail} If the service has tokens, it needs one with the scope `{scope}`."


def _security(need: Need) -> list[dict[str, list[str]]]:
    """Also allows requests without a token, because a service without tokens is open."""
    return [] if need.scope is None else [{}, {TOKEN: []}]


def _body(body: RequestBody, schemas: Schemas) -> dict[str, Any]:
    return {
        "required": body.required,
        "content": {
            content.media_type: {"schema": schemas.of(content.kind, "validation")}
            | ({} if content.example is None else {"example": content.example})
            for content in body.contents
        },
    }
