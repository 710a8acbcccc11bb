"""A problem as a page: what is wrong, which parameter, and what to do."""

from http import HTTPStatus
from typing import Any

from bottle import HTTPResponse, request

from glyphd.api.access import AccessRule
from glyphd.api.forwarding import forwarded_prefix
from glyphd.api.needs import OPEN
from glyphd.api.own_addresses import own_origin, own_prefix
from glyphd.api.problems import Problem
from glyphd.api.refusals import RefusedRequest
from glyphd.api.visitors import ANYBODY, shown_visitor
from glyphd.request_errors import InvalidRequest
from glyphd.token_text import without_tokens
from glyphd.web.addresses import Address, address
from glyphd.web.assets import Assets
from glyphd.web.theme import NAVIGATION, Theme, accepts_html, here, to_address

SIGN_IN = "/login"
ADVICE = {
    400: "Change the address, or start from the page without parameters.",
    403: "Sign in with another token, or ask the operator of this service for one.",
    404: "The address may be mistyped, or the link may be from another archive.",
    413: "Send a smaller file, or a compressed one: .csv.gz works too.",
    421: "Open the service under one of its own names.",
    429: "Wait a minute, then try again with the right token.",
    500: "The service's log has the details, under the request id below.",
    503: "Nothing is lost. Reload the page in a moment; if that does not help, the service's log "
    "has the reason.",
}


class RefusalPages:
    """Pages for requests that the server refuses before they reach the application."""

    def __init__(self, rule: AccessRule) -> None:
        self._rule = rule
        self._theme = Theme(Assets())
        self._theme.needs = {entry.path: OPEN for entry in NAVIGATION}

    def __call__(self, problem: Problem, refused: RefusedRequest) -> HTTPResponse:
        """The problem in the form that the client wants."""
        if refused.path.startswith("/api/") or not accepts_html(refused.accept):
            return problem
        trusted = self._rule.trusts(refused.peer)
        prefix = forwarded_prefix(refused.forwarded_prefix) if trusted else ""
        at = Address(refused.path, [], prefix=prefix)
        if needs_sign_in(problem):
            return to_sign_in(at)
        shown = {"at": at, "request_id": refused.request_id, "who": ANYBODY}
        return problem_page(self._theme, problem, shown)


def problem_here(theme: Theme, problem: Problem) -> HTTPResponse:
    """The page for a problem of this request."""
    if needs_sign_in(problem):
        return to_sign_in(_address())
    shown = {
        "at": _address(),
        "request_id": request.environ["glyphd.request_id"],
        "who": shown_visitor(),
    }
    return problem_page(theme, problem, shown)


def needs_sign_in(problem: Problem) -> bool:
    return bool(problem.content["status"] == HTTPStatus.UNAUTHORIZED)


def to_sign_in(at: Address) -> HTTPResponse:
    """To the page for signing in, which leads back. The server calls this for requests that have
    not reached the application."""
    back = address(at.bare, at.pairs)
    is_worth_it = back != "/" and without_tokens(back) == back
    return to_address(address(at.own(SIGN_IN), [("next", back)] if is_worth_it else []))


def problem_page(theme: Theme, problem: Problem, shown: dict[str, Any]) -> HTTPResponse:
    """The page for a problem, with its status and its headers. `shown` has the address and the
    visitor."""
    content: dict[str, Any] = problem.content
    status = content["status"]
    values = {"problem": content, "advice": ADVICE.get(status), **shown}
    page = theme.page("problem.html", values, status=status)
    copy_headers(problem, page)
    return page


def copy_headers(problem: Problem, page: HTTPResponse) -> None:
    """Copies the problem's headers to its page."""
    for name, value in problem.headers.items():
        if name in ("Allow", "Retry-After", "Www-Authenticate"):
            page.set_header(name, value)


def _address() -> Address:
    try:
        return here()
    except InvalidRequest:
        return Address("/", [], own_origin(), own_prefix())
