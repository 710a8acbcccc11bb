"""`/login` and `/logout`: a token is exchanged for a session, whose cookie no script can read."""

import re
from typing import Any

from bottle import HTTPResponse, request

from glyphd.api.bodies import read_fields
from glyphd.api.credentials import COOKIE, credentials_in
from glyphd.api.guard import HEAD, Guard
from glyphd.api.needs import OPEN_WITH_MORE
from glyphd.api.own_addresses import is_https, own_prefix
from glyphd.api.problems import problem_of
from glyphd.api.routes import Route
from glyphd.contracts.parameter_reading import read_parameters
from glyphd.contracts.queries import Query, QueryTime
from glyphd.errors import GlyphdError
from glyphd.request_errors import InvalidToken, TooManyFailures
from glyphd.token_text import without_tokens
from glyphd.tokens.grants import Grant
from glyphd.tokens.sign_ins import SESSION_DAYS, close_session, open_session
from glyphd.web.problem_pages import SIGN_IN, copy_headers
from glyphd.web.theme import Theme, here, moved_to

_SECONDS_OF_A_DAY = 24 * 60 * 60
_OWN_PATH = re.compile(r"/(?![/\\])[!-~]*")
"""A path of this service. It must not begin with two slashes: a browser would read a host after
them."""


class SignInQuery(Query):
    """Where to continue afterwards; `as_of` is that of the page that was left."""

    next: str | None = None
    as_of: QueryTime | None = None


class SignInForm(Query):
    """What the form sends."""

    token: str | None = None
    next: str | None = None


class SignInScreen:
    def __init__(self, guard: Guard, theme: Theme) -> None:
        self._guard = guard
        self._theme = theme

    def routes(self) -> list[Route]:
        return [
            Route("GET", SIGN_IN, self.show, OPEN_WITH_MORE),
            Route("POST", SIGN_IN, self.sign_in, OPEN_WITH_MORE),
            Route("GET", "/logout", self.lead_on, OPEN_WITH_MORE),
            Route("POST", "/logout", self.sign_out, OPEN_WITH_MORE),
        ]

    def show(self) -> HTTPResponse:
        asked = read_parameters(SignInQuery, here().pairs)
        return self._page(asked.next, None)

    def sign_in(self) -> HTTPResponse:
        """Redirects to the page that the reader came from, or shows the form again if the token is
        not valid."""
        sent = read_parameters(SignInForm, read_fields())
        try:
            grant = self._guard.grant_of((sent.token or "").strip())
        except (InvalidToken, TooManyFailures) as failure:
            return self._page(sent.next, failure)
        cookie = open_session(self._guard.known.registry, grant)
        self._guard.known.forget()
        answer = moved_to(_path_after(sent.next, grant), [])
        _set_cookie(answer, cookie, SESSION_DAYS * _SECONDS_OF_A_DAY)
        return answer

    def sign_out(self) -> HTTPResponse:
        cookie = credentials_in(request.environ[HEAD]).cookie
        if cookie is not None:
            close_session(self._guard.known.registry, cookie)
            self._guard.known.forget()
        answer = moved_to(SIGN_IN, [])
        _set_cookie(answer, "", 0)
        return answer

    def lead_on(self) -> HTTPResponse:
        """Redirects a reader who opens the button's address to the page with the button."""
        return moved_to(SIGN_IN, [])

    def _page(self, back: str | None, failure: GlyphdError | None) -> HTTPResponse:
        values: dict[str, Any] = {
            "back": _own_path(back),
            "failure": failure,
            "is_locked": self._guard.known.current().is_locked,
            "days": SESSION_DAYS,
        }
        if failure is None:
            answer = self._theme.page("sign_in.html", values)
        else:
            refusal = problem_of(failure)
            answer = self._theme.page("sign_in.html", values, status=refusal.status_code)
            copy_headers(refusal, answer)
        answer.set_header("Cache-Control", "no-store")
        return answer


def _own_path(back: str | None) -> str:
    if back is None or not _OWN_PATH.fullmatch(back) or without_tokens(back) != back:
        return "/"
    return back


def _path_after(back: str | None, grant: Grant) -> str:
    """Where to continue: for a token of one source at its imports rather than at the market."""
    path = _own_path(back)
    return "/imports" if path == "/" and grant.source is not None else path


def _set_cookie(answer: HTTPResponse, cookie: str, seconds: int) -> None:
    """`SameSite=Lax`: links from elsewhere work, forms of other sites don't send it."""
    answer.set_cookie(
        COOKIE,
        cookie,
        max_age=seconds,
        path=own_prefix() or "/",
        httponly=True,
        samesite="lax",
        secure=is_https(),
    )
