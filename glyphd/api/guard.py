"""Identifies the visitor and checks whether the route allows it: in the application before the
handler runs, and in our server before it accepts a body."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import structlog
from bottle import Bottle, HTTPError, HTTPResponse, request
from structlog.contextvars import bind_contextvars

from glyphd.api.access import AccessRule, RequestHead
from glyphd.api.callers import client_address
from glyphd.api.credentials import Credentials, credentials_in
from glyphd.api.failed_tokens import MOST_FAILURES, FailedAttempts
from glyphd.api.needs import Bound, Need
from glyphd.api.routes import Route
from glyphd.api.visitors import ANYBODY, NOBODY, Visitor, remember_visitor
from glyphd.errors import GlyphdError
from glyphd.importing.job_queries import require_import
from glyphd.request_errors import InvalidToken, TokenExpired, TokenRevoked, TooManyFailures
from glyphd.services import Services
from glyphd.token_text import MistypedToken
from glyphd.tokens.grants import Grant, Scope
from glyphd.tokens.known_tokens import RENEWAL_SECONDS, TokenSnapshot

log = structlog.get_logger(__name__)

HEAD = "glyphd.head"
"""Where the application notes a request's head."""

NEED = "need"
"""The key under which Bottle stores a route's need."""

_FRESH_SECONDS = 2 * RENEWAL_SECONDS
"""A snapshot older than this is not used to refuse a token early: the application checks it."""


class Guard:
    """The tokens of these services, and the failed attempts of their clients."""

    def __init__(self, services: Services) -> None:
        self._registry = services.registry
        self.known = services.tokens
        self._rule = AccessRule.from_settings(services.settings)
        self._failures = FailedAttempts(services.siblings)
        is_open = services.settings.anonymous == "read"
        self._anonymous = Visitor(Scope.READ) if is_open else NOBODY

    def guarded(self, route: Route) -> Callable[..., HTTPResponse]:
        """The route's handler behind the check of what the route needs."""

        @wraps(route.handle)
        def handle(**parts: Any) -> HTTPResponse:
            if route.scope.scope is not None:
                self._require(route.scope, parts)
            elif route.scope.shows_more:
                self._try_to_identify()
            return route.handle(**parts)

        return handle

    def identify(self) -> Visitor:
        """Who sends this request.

        Raises Unauthorized or TooManyFailures for a token that is not valid. A cookie that is no
        longer valid counts as none.
        """
        snapshot = self.known.current()
        if not snapshot.is_locked:
            found = ANYBODY
        else:
            head = request.environ[HEAD]
            found = self._identified(head, snapshot, self.known.renewed)
        remember_visitor(found)
        if found.name is not None:
            bind_contextvars(created_by=found.name)
        return found

    def grant_of(self, token: str) -> Grant:
        """What a token from a form of this request allows. Raises InvalidToken or
        TooManyFailures."""
        try:
            return _granted(token, self.known.current(), self.known.renewed)
        except InvalidToken as failure:
            raise self._counted(failure, client_address()) from None

    def check_early(self, app: Bottle, head: RequestHead) -> None:
        """Refuses a request before its body is read, from cached tokens; the application checks
        again. Raises what `AccessRule.check` and `identify` raise, and InsufficientScope."""
        self._rule.check(head)
        snapshot = self.known.latest()
        need = None if head.is_safe else _need_of(app, head)
        if need is None or need.scope is None or snapshot is None or not snapshot.is_locked:
            return
        if snapshot.age <= _FRESH_SECONDS:
            self._identified(head, snapshot, lambda: snapshot).require(need)
        elif credentials_in(head) == Credentials():
            self._anonymous.require(need)

    def _try_to_identify(self) -> None:
        """Doesn't raise: probes are answered even with a wrong token, and while the database is
        down."""
        try:
            self.identify()
        except GlyphdError:
            return
        except Exception:
            log.warning("tokens_unknown", exc_info=True)

    def _require(self, need: Need, parts: dict[str, Any]) -> None:
        visitor = self.identify()
        visitor.require(need)
        if visitor.source is not None and need.bound is Bound.ITS_IMPORTS:
            visitor.require_source(require_import(self._registry, parts["import_id"]).source)

    def _identified(
        self, head: RequestHead, snapshot: TokenSnapshot, renewed: Callable[[], TokenSnapshot]
    ) -> Visitor:
        """With `renewed`, a token that the snapshot lacks is looked up again."""
        try:
            given = credentials_in(head)
            if given.token is not None:
                return Visitor.of(_granted(given.token, snapshot, renewed))
        except InvalidToken as failure:
            raise self._counted(failure, self._rule.client_of(head)) from None
        if given.cookie is not None:
            cookie = given.cookie
            grant = snapshot.find_session(cookie) or renewed().find_session(cookie)
            if grant is not None:
                return Visitor.of(grant, is_signed_in=True)
        return self._anonymous

    def _counted(self, failure: InvalidToken, client: str) -> GlyphdError:
        """The failure, or TooManyFailures after too many. A valid token is always accepted, however
        many wrong ones came from its address: behind a proxy all clients may share one address."""
        if self._failures.add(client) <= MOST_FAILURES:
            return failure
        return TooManyFailures(f"more than {MOST_FAILURES} requests with wrong tokens in a minute")


def _granted(token: str, snapshot: TokenSnapshot, renewed: Callable[[], TokenSnapshot]) -> Grant:
    """The grant of a valid token. Only a request with the whole token learns why it is refused."""
    try:
        grant = snapshot.find(token) or renewed().find(token)
    except MistypedToken as error:
        raise InvalidToken(f"the token is mistyped or incomplete: {error}") from None
    if grant is None:
        raise InvalidToken("no such token")
    if grant.revoked_at is not None:
        raise TokenRevoked(f"the token {grant.name} was revoked at {grant.revoked_at}")
    if grant.has_expired:
        raise TokenExpired(f"the token {grant.name} expired at {grant.expires_at}")
    return grant


def _need_of(app: Bottle, head: RequestHead) -> Need | None:
    """What the route of this request needs; None if there is no route."""
    path = head.path.encode("latin-1").decode(errors="ignore")  # as Bottle reads it
    try:
        route, _ = app.router.match({"REQUEST_METHOD": head.method, "PATH_INFO": path})
    except HTTPError:
        return None
    need: Need = route.config[NEED]
    return need
