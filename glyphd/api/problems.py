"""Every error as `application/problem+json` (RFC 9457). One table maps failures to statuses."""

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import structlog
from bottle import HTTPError, HTTPResponse, request

from glyphd import errors, event_errors, request_errors
from glyphd.api.near_paths import MAX_COMPARED, nearest_path
from glyphd.api.own_addresses import own_address, own_prefix
from glyphd.api.routes import Route
from glyphd.db.troubles import Trouble, trouble_of
from glyphd.disk import is_of_system, named_trouble
from glyphd.token_text import without_tokens

PROBLEM_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = "5"

STATUSES: dict[type[errors.GlyphdError], int] = {
    request_errors.InvalidRequest: 400,
    request_errors.Unauthorized: 401,
    request_errors.CrossSiteRequest: 403,
    request_errors.InsufficientScope: 403,
    errors.NotFound: 404,
    request_errors.NotAcceptable: 406,
    errors.Conflict: 409,
    event_errors.Gone: 410,
    request_errors.LengthMissing: 411,
    request_errors.TooLarge: 413,
    request_errors.UnsupportedType: 415,
    request_errors.RangeNotSatisfiable: 416,
    request_errors.HostNotAllowed: 421,
    errors.Refused: 422,
    request_errors.TooManyFailures: 429,
    request_errors.HeadersTooLarge: 431,
    request_errors.NotSupported: 501,
    errors.FormatNotInstalled: 501,
    errors.Unavailable: 503,
    request_errors.HttpVersionNotSupported: 505,
    errors.SchemaError: 503,
    errors.GlyphdError: 500,
}
"""Found by walking up the class tree of an error."""

_CHALLENGE = 'Bearer realm="glyphd"'
_WRONG_TOKEN = {"WWW-Authenticate": f'{_CHALLENGE}, error="invalid_token"'}
HEADERS: dict[str, dict[str, str]] = {
    "unauthorized": {"WWW-Authenticate": _CHALLENGE},
    "invalid_token": _WRONG_TOKEN,
    "token_expired": _WRONG_TOKEN,
    "token_revoked": _WRONG_TOKEN,
    "insufficient_scope": {"WWW-Authenticate": f'{_CHALLENGE}, error="insufficient_scope"'},
    "too_many_failures": {"Retry-After": "60"},
}
"""The answer's headers by code (RFC 6750)."""

_OWN_CODES = {404: "not_found", 405: "method_not_allowed", 413: "too_large", 500: "internal_error"}
_DATABASE_PROBLEMS = {
    Trouble.BUSY: ("database_busy", errors.Unavailable(Trouble.BUSY.value)),
    Trouble.FULL: ("database_full", errors.StorageFull(Trouble.FULL.value)),
    Trouble.LOST: ("database_lost", errors.Unavailable(Trouble.LOST.value)),
    Trouble.LIMITED: ("database_limited", errors.Unavailable(Trouble.LIMITED.value)),
    Trouble.TOO_LARGE: ("database_limited", errors.Unavailable(Trouble.TOO_LARGE.value)),
    Trouble.FORBIDDEN: ("database_forbidden", errors.Unavailable(Trouble.FORBIDDEN.value)),
    Trouble.DEMOTED: ("database_demoted", errors.Unavailable(Trouble.DEMOTED.value)),
    Trouble.SCHEMA: ("database_schema", errors.SchemaError(Trouble.SCHEMA.value)),
    Trouble.DAMAGED: (
        "database_damaged",
        errors.DatabaseDamaged(
            "a database is damaged: `glyphd check` says which one, and the documentation says "
            "what to do"
        ),
    ),
}
"""By kind of trouble: the log event, and the text for the client, without a host, role, path or
statement."""

log = structlog.get_logger(__name__)


class Problem(HTTPResponse):  # type: ignore[misc]  # Bottle has no types
    """A problem for programs. `content` is its members, for showing it in another form."""

    content: dict[str, Any]


def status_of(error: errors.GlyphdError) -> int:
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def problem(status: int, code: str, title: str, detail: str, **members: Any) -> Problem:
    """The answer for one problem; `members` are further fields of it."""
    kind = f"urn:glyphd:problem:{code}"
    content: dict[str, Any] = {
        "type": kind,
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
    }
    content |= members
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), default=str)
    shown = without_tokens(text)
    body = shown.encode()
    answer = Problem(body, status, {"Content-Type": PROBLEM_TYPE, "Content-Length": str(len(body))})
    answer.content = content if shown == text else json.loads(shown)
    for name, value in HEADERS.get(code, {}).items():
        answer.set_header(name, value)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        answer.set_header("Retry-After", RETRY_AFTER_SECONDS)
    return answer


def problem_of(error: Exception) -> Problem:
    """The answer for a failure. An unexpected one is logged, and answered without internal
    details."""
    if isinstance(error, errors.GlyphdError):
        status = status_of(error)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            reason = {} if error.reason is None else {"reason": error.reason}
            log.warning("request_failed", code=error.code, detail=error.detail, **reason)
        return problem(status, error.code, error.title, error.detail, **error.members)
    if isinstance(error, OSError) and is_of_system(error):
        return problem_of(named_trouble(error))
    trouble = trouble_of(error)
    if trouble in _DATABASE_PROBLEMS:
        event, named = _DATABASE_PROBLEMS[trouble]
        if trouble is Trouble.DAMAGED:
            log.error(event, reason=str(error))
        else:
            log.warning(event, exc_info=error)
        return problem_of(named)
    log.error("request_crashed", method=request.method, path=request.path, exc_info=error)
    return problem(
        500, "internal_error", "Internal Server Error", "something went wrong inside glyphd"
    )


def bottle_problem(error: HTTPError, routes: Sequence[Route]) -> HTTPResponse:
    """Bottle's own errors: an unknown path, a wrong method, a crash outside the routes."""
    status = int(error.status_code)
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return _method_not_allowed(error.get_header("Allow", ""), routes)
    if error.exception is not None:
        return problem_of(error.exception)
    phrase = HTTPStatus(status).phrase
    code = _OWN_CODES.get(status, phrase.lower().replace(" ", "_"))
    if status != HTTPStatus.NOT_FOUND:
        return problem(status, code, phrase, phrase)
    detail, members = _with_nearest(f"no such path: {_path_asked()}", routes)
    return problem(status, code, phrase, detail, **members)


def _path_asked() -> str:
    path: str = request.path
    return (own_prefix() + path)[:MAX_COMPARED]


def _with_nearest(detail: str, routes: Sequence[Route]) -> tuple[str, dict[str, Any]]:
    """The detail with the path that was probably meant, which is the member `nearest` too."""
    nearest = nearest_path(routes, request.method, request.path)
    if nearest is not None:
        nearest = own_address(nearest)
        detail += f"; did you mean {request.method} {nearest}?"
    return detail, {"nearest": nearest}


def _method_not_allowed(allowed: str, routes: Sequence[Route]) -> HTTPResponse:
    """OPTIONS works for every route; Bottle has no route for it and calls this."""
    methods = {method.strip() for method in allowed.split(",") if method.strip()}
    methods |= {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
    allow = ", ".join(sorted(methods))
    if request.method == "OPTIONS":
        return HTTPResponse("", 204, {"Allow": allow})
    what = f"{_path_asked()} does not support {request.method[:20]}, only {allow}"
    detail, members = _with_nearest(what, routes)
    answer = problem(405, "method_not_allowed", "Method Not Allowed", detail, **members)
    answer.set_header("Allow", allow)
    return answer
