"""The answers of a route in the OpenAPI document: what it sends, and every problem that it may
answer with."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from glyphd import errors, request_errors
from glyphd.api.access import PROBED_PATHS, SAFE_METHODS
from glyphd.api.descriptions import BYTES, About, Answer, Content, Failure
from glyphd.api.openapi_schemas import Schema, Schemas
from glyphd.api.problems import HEADERS, PROBLEM_TYPE, status_of
from glyphd.api.routes import Route
from glyphd.contracts.problem_documents import ProblemDocument

TEXT: Schema = {"type": "string"}
ANSWER_HEADERS: dict[str, tuple[str, Schema]] = {
    "X-Request-Id": ("The name of this request in the log", TEXT),
    "ETag": ("The version of this answer, for `If-None-Match`", TEXT),
    "Cache-Control": (
        "`no-cache`: revalidate each time; `no-store`: don't cache; `private`: only for this token",
        TEXT,
    ),
    "Vary": ("The headers that the answer depends on", TEXT),
    "Content-Encoding": (
        "`gzip`, if the request accepts it and the answer is not small",
        {"type": "string", "enum": ["gzip"]},
    ),
    "Accept-Ranges": ("`bytes`: `Range` works", {"type": "string", "enum": ["bytes"]}),
    "Content-Range": ("Which bytes these are, and of how many: `bytes 0-99/1234`", TEXT),
    "WWW-Authenticate": ("`Bearer`, and what is wrong with the token (RFC 6750)", TEXT),
    "Link": ('The next page, with `rel="next"`, if there is one', TEXT),
    "X-Hint": (
        "Why the list is empty, if a filter's value is unknown; ASCII, percent-encoded",
        {"type": "string"},
    ),
    "X-Total-Count": ("The number of all rows, with `count=exact`", {"type": "integer"}),
    "Location": ("The import's address", TEXT),
    "Retry-After": ("Seconds to wait before the next request", {"type": "integer"}),
    "Idempotent-Replayed": (
        "The `Idempotency-Key` was used before: `rolled-back` if the import no longer counts",
        {"type": "string", "enum": ["true", "rolled-back"]},
    ),
    "Content-Disposition": ("A name for the file", TEXT),
    "Content-Location": ("The address of this event's source", TEXT),
}

COMMON_HEADERS = ("X-Request-Id", "Cache-Control", "Vary", "Content-Encoding")
"""Headers that any answer may have."""

_LIMITED = ":re:[^/]"
"""In a path: a parameter with a restricted form, so that some paths match no route."""

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
_OF_TOKENS = (
    request_errors.Unauthorized,
    request_errors.InvalidToken,
    request_errors.TokenExpired,
    request_errors.TokenRevoked,
    request_errors.InsufficientScope,
    request_errors.TooManyFailures,
)
_OF_KEYS = (request_errors.InvalidIdempotencyKey, errors.IdempotencyConflict)


def responses(route: Route, about: About, schemas: Schemas) -> dict[str, Any]:
    """A route's answers by status."""
    own = {str(answer.status): _response(answer, schemas) for answer in about.answers}
    for answer in about.answers:
        if answer.in_parts:
            own["206"] = _part(answer)
    if any("ETag" in answer.headers for answer in about.answers):
        own["304"] = {
            "description": "The client has this version already",
            "headers": _headers("ETag"),
        }
    by_status = defaultdict(list)
    for failure in failures(route, about):
        by_status[failure.status].append(failure)
    problems = {
        str(status): _problem_response(status, by_status[status], schemas)
        for status in sorted(by_status)
    }
    return own | problems


def failures(route: Route, about: About) -> list[Failure]:
    """Every problem that a route may answer with, without duplicates."""
    kinds = [*_ALWAYS, *_following(route), *_following_from(about), *about.problems]
    found = [kind if isinstance(kind, Failure) else failure_of(kind) for kind in kinds]
    found.sort(key=lambda failure: failure.headers)
    return list({(failure.status, failure.code): failure for failure in found}.values())


def failure_of(kind: type[errors.GlyphdError]) -> Failure:
    """The problem that an exception becomes."""
    return Failure(status_of(kind("")), kind.code, kind.title, tuple(HEADERS.get(kind.code, ())))


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


def _following(route: Route) -> Iterator[type[errors.GlyphdError]]:
    """The problems that follow from a route's method, path and scope."""
    if route.path not in PROBED_PATHS:
        yield request_errors.HostNotAllowed
    if route.method not in SAFE_METHODS:
        yield request_errors.CrossSiteRequest
    if _LIMITED in route.path:
        yield errors.NotFound
    if route.scope.scope is not None:
        yield from _OF_TOKENS


def _following_from(about: About) -> Iterator[type[errors.GlyphdError] | Failure]:
    """The problems that follow from what a route takes and answers."""
    parameters = about.query.model_fields
    if parameters:
        yield request_errors.InvalidParameter
    if "cursor" in parameters:
        yield request_errors.InvalidCursor
    if "format" in parameters:
        yield request_errors.NotAcceptable
        yield errors.FormatNotInstalled
    if about.body is not None:
        yield from _OF_BODIES
    if "Idempotency-Key" in about.headers:
        yield from _OF_KEYS
    if any(answer.in_parts for answer in about.answers):
        outside = failure_of(request_errors.RangeNotSatisfiable)
        yield replace(outside, headers=("Content-Range",))


def _response(answer: Answer, schemas: Schemas) -> dict[str, Any]:
    content = {content.media_type: _content(content, schemas) for content in answer.contents}
    named = (*answer.headers, *(["Accept-Ranges"] if answer.in_parts else []))
    found: dict[str, Any] = {"description": answer.summary, "headers": _headers(*named)}
    if content:
        found["content"] = content
    if answer.links:
        found["links"] = dict(answer.links)
    return found


def _part(answer: Answer) -> dict[str, Any]:
    """Some bytes of an answer, which are not JSON even if the whole answer is."""
    headers = [name for name in answer.headers if name != "Link"]  # only pages have a next page
    return {
        "description": "The bytes requested by `Range`",
        "headers": _headers(*headers, "Accept-Ranges", "Content-Range"),
        "content": {content.media_type: {"schema": dict(BYTES)} for content in answer.contents},
    }


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
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*names, *COMMON_HEADERS)}
