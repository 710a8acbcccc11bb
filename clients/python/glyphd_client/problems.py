"""Problem documents (RFC 9457) as exceptions."""

import json
from collections.abc import Mapping
from typing import Any

from glyphd_client.errors import FileRefused, NotAllowed, NotFound, Refused
from glyphd_client.records import read_record
from glyphd_client.statuses import RowError

_KINDS: Mapping[int, type[Refused]] = {
    401: NotAllowed,
    403: NotAllowed,
    404: NotFound,
    413: FileRefused,
    415: FileRefused,
    422: FileRefused,
}


def problem_error(status: int, headers: Mapping[str, str], body: bytes) -> Refused:
    """The exception for an answer that refuses. What is not a problem document was sent by
    something in between."""
    problem = _document(body)
    problem.setdefault("code", f"http_{status}")
    problem.setdefault("detail", f"HTTP status {status}")
    refused = _KINDS.get(status, Refused)(status, problem, headers.get("X-Request-Id"))
    refused.errors = tuple(_row_errors(problem))
    return refused


def _document(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _row_errors(problem: Mapping[str, Any]) -> list[RowError]:
    errors = problem.get("errors")
    return [read_record(RowError, error) for error in errors] if isinstance(errors, list) else []
