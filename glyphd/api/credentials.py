"""The credentials of a request: a token in `Authorization`, or a session's cookie."""

from dataclasses import dataclass

from glyphd.api.access import RequestHead
from glyphd.request_errors import InvalidToken

COOKIE = "glyphd_session"
_SCHEME = "bearer"


@dataclass(frozen=True)
class Credentials:
    """If both are sent, the token counts."""

    token: str | None = None
    cookie: str | None = None


def credentials_in(head: RequestHead) -> Credentials:
    """Raises InvalidToken for an `Authorization` that is not `Bearer` and a token.

    Tokens are accepted nowhere else: one in the query would end up in logs and browser histories.
    """
    given = head.headers.get("AUTHORIZATION")
    if given is not None:
        scheme, _, token = given.strip().partition(" ")
        if scheme.lower() != _SCHEME or not token.strip():
            raise InvalidToken("send the token as `Authorization: Bearer TOKEN`")
        return Credentials(token=token.strip())
    return Credentials(cookie=_cookie_in(head.headers.get("COOKIE", "")))


def _cookie_in(header: str) -> str | None:
    pairs = (part.partition("=") for part in header.split(";"))
    return next((value.strip(' "') for name, _, value in pairs if name.strip() == COOKIE), None)
