"""The answers of a route in the OpenAPI document: what it sends, and every problem that it may
answer with."""

from collections import defaultdict
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from glyphd import errors, request_errors
from glyphd.api.access import PROBED_PATHS, SAFE_METHODS
from glyphd.api.descriptions import About, Answer, Content, Failure
from glyphd.api.openapi_schemas import Schema, Schemas
from glyphd.api.problems import PROBLEM_TYPE, status_of
from glyphd.contracts.problem_documents import ProblemDocument

TEXT: Schema = {"type": "string"}
ANSWER_HEADERS: dict[str, tuple[str, Schema]] = {
    "X-Request-Id": ("The name of this request in the log", TEXT),
    "ETag": ("The version of this answer, for `If-None-Match`", TEXT),
    "Cache-Control": ("`no-cache`: ask again each time; `no-store`: don't keep", TEXT),
    "Vary": ("The headers that the answer depends on", TEXT),
    "Link": ('The next page, with `rel="next"`, where there is one', TEXT),
    "X-Total-Count": ("The number of all rows, with `count=exact`", {"type": "integer"}),
    "Location": ("The import's address", TEXT),
    "Retry-After": ("Seconds after which to ask again", {"type": "integer"}),
    "Idempotent-Replayed": (
        "The `Idempotency-Key` was used before: `rolled-back` if the import no longer counts",
        {"type": "string", "enum": ["true", "rolled-back"]},
    ),
    "Content-Disposition": ("A name for the file", TEXT),
    "Content-Location": ("The address of this very event's source", TEXT),
}

_LIMITED = ":re:[^/]"
"""In a path: a parameter that is not any text, so that some paths are none."""

_ALWAYS = (
    request_errors.InvalidRequest,
    request_errors.UnknownParameter,
    request_errors.InvalidHost,
    request_errors.HeadersTooLarge,
    request_errors.NotSupported,
    request_errors.HttpVersionNotSupported,
    errors.GlyphdError,
    errors.Unavailable,
)
_OF_BODIES = (
    request_errors.MalformedBody,
    request_errors.LengthMissing,
    request_errors.TooLarge,
    request_errors.UnsupportedType,
    errors.FileRefused,
)
_OF_KEYS = (request_errors.InvalidIdempotencyKey, errors.IdempotencyConflict)


def responses(method: str, path: str, about: About, schemas: Schemas) -> dict[str, Any]:
    """A route's answers by status."""
    own = {str(answer.status): _response(answer, schemas) for answer in about.answers}
    if any("ETag" in answer.headers for answer in about.answers):
        own["304"] = {
            "description": "The client has this version already",
            "headers": _headers("ETag", "Cache-Control"),
        }
    by_status = defaultdict(list)
    for failure in failures(method, path, about):
        by_status[failure.status].append(failure)
    problems = {
        str(status): _problem_response(status, by_status[status], schemas)
        for status in sorted(by_status)
    }
    return own | problems


def failures(method: str, path: str, about: About) -> list[Failure]:
    """Every problem that a route may answer with, each once."""
    kinds = [*_ALWAYS, *_following(method, path, about), *about.problems]
    found = [kind if isinstance(kind, Failure) else failure_of(kind) for kind in kinds]
    found.sort(key=lambda failure: failure.headers)
    return list({(failure.status, failure.code): failure for failure in found}.values())


def failure_of(kind: type[errors.GlyphdError]) -> Failure:
    """The problem that an exception becomes."""
    return Failure(status_of(kind("")), kind.code, kind.title)


def answer_headers() -> dict[str, Any]:
    """`components/headers`."""
    return {
        name: {"description": description, "schema": schema}
        for name, (description, schema) in ANSWER_HEADERS.items()
    }


def problem_examples(failures: list[Failure]) -> dict[str, Any]:
    """`components/examples`: each problem by its code."""
    return {
        failure.code: {
            "summary": failure.title,
            "value": {
                "type": f"urn:glyphd:problem:{failure.code}",
                "title": failure.title,
                "status": failure.status,
                "detail": failure.title,
                "code": failure.code,
            },
        }
        for failure in failures
    }


def _following(method: str, path: str, about: About) -> Iterator[type[errors.GlyphdError]]:
    """The problems that follow from what a route takes."""
    parameters = about.query.model_fields
    if path not in PROBED_PATHS:
        yield request_errors.HostNotAllowed
    if method not in SAFE_METHODS:
        yield request_errors.CrossSiteRequest
    if _LIMITED in path:
        yield errors.NotFound
    if parameters:
        yield request_errors.InvalidParameter
    if "cursor" in parameters:
        yield request_errors.InvalidCursor
    if "format" in parameters:
        yield request_errors.NotAcceptable
    if about.body is not None:
        yield from _OF_BODIES
    if "Idempotency-Key" in about.headers:
        yield from _OF_KEYS


def _response(answer: Answer, schemas: Schemas) -> dict[str, Any]:
    content = {content.media_type: _content(content, schemas) for content in answer.contents}
    found: dict[str, Any] = {"description": answer.summary, "headers": _headers(*answer.headers)}
    if content:
        found["content"] = content
    if answer.links:
        found["links"] = dict(answer.links)
    return found


def _content(content: Content, schemas: Schemas) -> dict[str, Any]:
    example = {} if content.example is None else {"example": content.example}
    return {"schema": schemas.of(content.kind), **example}


def _problem_response(status: int, failures: list[Failure], schemas: Schemas) -> dict[str, Any]:
    names = {name for failure in failures for name in failure.headers}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        names.add("Retry-After")
    codes = ", ".join(f"`{failure.code}`" for failure in failures)
    examples = {
        failure.code: {"$ref": f"#/components/examples/{failure.code}"} for failure in failures
    }
    content = {"schema": schemas.of(ProblemDocument), "examples": examples}
    return {
        "description": f"{HTTPStatus(status).phrase}: {codes}",
        "headers": _headers(*sorted(names)),
        "content": {PROBLEM_TYPE: content},
    }


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*names, "X-Request-Id")}
