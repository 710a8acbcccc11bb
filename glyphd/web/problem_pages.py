"""A problem as a page: what is wrong, which parameter, and what to do."""

from typing import Any

from bottle import HTTPResponse, request

from glyphd.api.problems import Problem
from glyphd.request_errors import InvalidRequest
from glyphd.web.addresses import Address
from glyphd.web.theme import Theme, here

ADVICE = {
    400: "Change the address, or start from the page without parameters.",
    404: "It may have been mistyped, or the link is from another archive.",
    421: "Open the service under one of its own names.",
    500: "The log of the service says more, under the request id below.",
    503: "Nothing is lost. Reload the page in a moment; if it stays like this, the log of the service says why.",
}


def problem_page(theme: Theme, problem: Problem) -> HTTPResponse:
    """The page for a problem, with its status and its headers."""
    content: dict[str, Any] = problem.content
    status = content["status"]
    values = {
        "problem": content,
        "advice": ADVICE.get(status),
        "at": _address(),
        "request_id": request.environ["glyphd.request_id"],
    }
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
