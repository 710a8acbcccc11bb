"""A problem as a page: what is wrong, which parameter, and what to do."""

from typing import Any

from bottle import HTTPResponse, request

from glyphd.api.problems import Problem
from glyphd.api.refusals import RefusedRequest
from glyphd.request_errors import InvalidRequest
from glyphd.web.addresses import Address
from glyphd.web.assets import Assets
from glyphd.web.theme import NAVIGATION, Theme, accepts_html, here

ADVICE = {
    400: "Change the address, or start from the page without parameters.",
    404: "The address may be mistyped, or the link may be from another archive.",
    413: "Send a smaller file, or a compressed one: .csv.gz works too.",
    421: "Open the service under one of its own names.",
    500: "The service's log has the details, under the request id below.",
    503: "Nothing is lost. Reload the page in a moment; if that does not help, the service's log "
    "has the reason.",
}


class RefusalPages:
    """Pages for requests that the server refuses before they reach the application."""

    def __init__(self) -> None:
        self._theme = Theme(Assets())
        self._theme.paths = frozenset(entry.path for entry in NAVIGATION)

    def __call__(self, problem: Problem, refused: RefusedRequest) -> HTTPResponse:
        """The problem in the form that the client wants."""
        if refused.path.startswith("/api/") or not accepts_html(refused.accept):
            return problem
        return problem_page(self._theme, problem, Address(refused.path, []), refused.request_id)


def problem_here(theme: Theme, problem: Problem) -> HTTPResponse:
    """The page for a problem of this request."""
    return problem_page(theme, problem, _address(), request.environ["glyphd.request_id"])


def problem_page(theme: Theme, problem: Problem, at: Address, request_id: str) -> HTTPResponse:
    """The page for a problem, with its status and its headers."""
    content: dict[str, Any] = problem.content
    status = content["status"]
    values = {"problem": content, "advice": ADVICE.get(status), "at": at, "request_id": request_id}
    page = theme.page("problem.html", values, status=status)
    for name, value in problem.headers.items():
        if name in ("Allow", "Retry-After"):
            page.set_header(name, value)
    return page


def _address() -> Address:
    try:
        return here()
    except InvalidRequest:
        return Address("/", [])
