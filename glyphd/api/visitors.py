"""The visitor behind a request: a token's holder, a signed-in user, or an anonymous one."""

from dataclasses import dataclass

from bottle import request

from glyphd.api.needs import Bound, Need
from glyphd.errors import GlyphdError
from glyphd.request_errors import InsufficientScope, Unauthorized
from glyphd.tokens.grants import Grant, Scope

_IN_ENVIRON = "glyphd.visitor"


@dataclass(frozen=True)
class Visitor:
    """What a visitor may do; `scope` is None if that is nothing.

    `name` is that of the token, None for a visitor without one. `source` is the only one that the
    token may import as.
    """

    scope: Scope | None
    name: str | None = None
    source: str | None = None
    is_signed_in: bool = False

    @classmethod
    def of(cls, grant: Grant, *, is_signed_in: bool = False) -> "Visitor":
        return cls(grant.scope, grant.name, grant.source, is_signed_in)

    def may(self, need: Need) -> bool:
        """Whether any of its requests are allowed."""
        try:
            self.require(need)
        except GlyphdError:
            return False
        return True

    def require(self, need: Need) -> None:
        """Raises Unauthorized or InsufficientScope."""
        if need.scope is None:
            return
        if self.scope is None or (self.name is None and not self.scope.includes(need.scope)):
            raise Unauthorized("send a token as `Authorization: Bearer TOKEN`")
        if not self.scope.includes(need.scope):
            raise InsufficientScope(
                f"this needs the scope {need.scope}, and the token {self.name} has {self.scope}",
                needed=need.scope,
                scope=self.scope,
            )
        if self.source is not None and need.bound is Bound.NOTHING:
            raise InsufficientScope(
                f"the token {self.name} can only import as {self.source}, and work with its "
                "imports",
                needed=need.scope,
                source=self.source,
            )

    def require_source(self, source: str | None) -> None:
        """Raises InsufficientScope for a source that the token is not bound to."""
        if self.source is not None and not _is_same(source, self.source):
            raise InsufficientScope(
                f"the token {self.name} is only for the source {self.source}", source=self.source
            )


ANYBODY = Visitor(Scope.ADMIN)
"""A visitor of a service that has no token."""
NOBODY = Visitor(None)


def visitor() -> Visitor:
    """Records who sends this request; a visitor without rights if that is unknown."""
    found: Visitor = request.environ.get(_IN_ENVIRON, NOBODY)
    return found


def shown_visitor() -> Visitor:
    """Who looks at a page: an anonymous visitor if the request was refused before it was
    identified."""
    found: Visitor = request.environ.get(_IN_ENVIRON, ANYBODY)
    return found


def remember_visitor(found: Visitor) -> None:
    request.environ[_IN_ENVIRON] = found


def own_source(asked: str | None) -> str | None:
    """The source that this request is about: the token's, for one that is bound to a source.

    Raises InsufficientScope if it asks for another one.
    """
    bound = visitor().source
    if bound is None:
        return asked
    if asked is not None:
        visitor().require_source(asked)
    return bound


def _is_same(source: str | None, other: str) -> bool:
    """Compares sources like the filters: ASCII case is ignored."""
    return source is not None and _lowered(source) == _lowered(other)


def _lowered(text: str) -> bytes:
    return text.encode().lower()
