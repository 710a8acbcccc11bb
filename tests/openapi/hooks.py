"""Our own checks for schemathesis, which loads this file because schemathesis.toml names it."""

from http import HTTPStatus
from typing import Any

import schemathesis

PROBLEM = "application/problem+json"

BEYOND_SCHEMAS = {
    "invalid_cursor",
    "file_refused",
    "invalid_rows",
    "unreadable_file",
    "unsupported_media_type",
    "headers_too_large",
    "too_many_imports",
    "invalid_watch",
    "invalid_webhook",
}
"""Codes for rules that JSON Schema can't express: cursors are opaque, a CSV is any text, an address
may be private, and some conditions of a watch have no value."""

BEYOND_SCHEMAS_PARAMETERS = {
    "cursor",
    "as_of",
    "from",
    "to",
    "map",
    "encoding",
    "limit",
    "fields",
    "kind",
}
"""Parameters whose valid values depend on others or on the time."""

TEXTS = ("model", "region", "condition", "seller", "source_type", "source", "model_contains", "q")
"""Parameters that can be any text."""


@schemathesis.check
def described_problem(_context: Any, response: Any, case: Any) -> None:
    """The document lists the code of a problem for this route and status."""
    content = case.operation.definition.raw["responses"].get(str(response.status_code), {})
    listed = content.get("content", {}).get(PROBLEM)
    if listed is not None:
        code = response.json()["code"]
        assert code in listed["examples"], f"{code} is not described for {response.status_code}"


@schemathesis.check
def explained_refusal(_context: Any, response: Any, case: Any) -> None:
    """A request that fits its schema is refused only by a rule that no schema can express."""
    is_valid = case.meta is not None and case.meta.generation.mode.is_positive
    if is_valid and response.status_code in (400, 413, 415, 422):
        problem = response.json()
        is_beyond = problem["code"] in BEYOND_SCHEMAS or (
            problem["code"] == "invalid_parameter" and _depends(problem)
        )
        assert is_beyond, f"valid request refused: {problem['detail']}"


def _depends(problem: dict[str, Any]) -> bool:
    return (
        problem["parameter"] in BEYOND_SCHEMAS_PARAMETERS
        or "is above" in problem["detail"]
        or "is given twice" in problem["detail"]
        or "is empty" in problem["detail"]  # spaces only: `minLength` does not exclude them
        or "can only be used with kind" in problem["detail"]
        or problem["detail"].startswith("complete=true:")
    )


@schemathesis.hook
def filter_failure(_context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Ignores wrong findings. A blank value counts as absent (`allowEmptyValue`), an empty list is
    not sent at all, and `true` is a text in a query: schemathesis expects these to be refused. It
    also parses parts of JSON, which need not be valid. An answer that was asked to wait may be
    slow."""
    kind = type(failure).__name__
    if kind in ("MalformedJson", "JsonSchemaError"):
        return bool(response.status_code != HTTPStatus.PARTIAL_CONTENT)
    query = case.query or {}
    if kind == "ResponseTimeExceeded" and "wait" in query:
        return False
    is_about_values = kind == "AcceptedNegativeData"
    is_blank = any(_is_blank(value) for values in query.values() for value in _each(values))
    is_absent = [] in query.values() or {} in query.values()
    is_text = any(
        not isinstance(value, str) for name in TEXTS for value in _each(query.get(name, ""))
    )
    return not (is_about_values and (is_blank or is_absent or is_text))


def _each(values: Any) -> list[Any]:
    """The values of one parameter."""
    return values if isinstance(values, list) else [values]


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """A part of gzip can't be unpacked, but schemathesis tries to, so parts are requested without
    it."""
    if case.headers and "Range" in case.headers:
        case.headers["Accept-Encoding"] = "identity"
