"""The sessions of signed-in browsers, in the registry, so that every process knows them and they
survive a restart."""

import secrets
from datetime import timedelta

from peewee import Database

from glyphd.db.token_models import Session
from glyphd.times import now_text, utc_now, utc_text
from glyphd.tokens.grants import Grant, digest_of

SESSION_DAYS = 30
MOST_OF_A_TOKEN = 100
"""The most sessions of one token: a new one replaces the oldest."""

_COOKIE_BYTES = 32


def open_session(registry: Database, grant: Grant) -> str:
    """The cookie of a new session, which is not stored. The session ends with the token at the
    latest."""
    cookie = secrets.token_urlsafe(_COOKIE_BYTES)
    end = utc_text(utc_now() + timedelta(days=SESSION_DAYS))
    values = {
        "digest": digest_of(cookie),
        "token_digest": grant.digest,
        "created_at": now_text(),
        "expires_at": min(end, grant.expires_at or end),
    }
    with registry.connection_context(), registry.atomic():
        _make_room(registry, grant)
        Session.insert(values).bind(registry).execute()
    return cookie


def close_session(registry: Database, cookie: str) -> None:
    with registry.connection_context():
        Session.delete().where(Session.digest == digest_of(cookie)).bind(registry).execute()


def open_sessions(registry: Database) -> dict[str, tuple[str, str]]:
    """The sessions that have not ended, by the digest of the cookie: the digest of the token, and
    the session's end. The caller holds the connection."""
    query = Session.select(Session.digest, Session.token_digest, Session.expires_at).where(
        Session.expires_at > now_text()
    )
    return {digest: (token, end) for digest, token, end in registry.execute(query)}


def _make_room(registry: Database, grant: Grant) -> None:
    """Removes the sessions that have ended, and the token's oldest ones beyond its share."""
    kept = (
        Session.select(Session.digest)
        .where(Session.token_digest == grant.digest)
        .order_by(Session.created_at.desc())
        .limit(MOST_OF_A_TOKEN - 1)
    )
    beyond = (Session.token_digest == grant.digest) & Session.digest.not_in(kept)
    ended = Session.expires_at <= now_text()
    Session.delete().where(ended | beyond).bind(registry).execute()
