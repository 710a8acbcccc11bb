"""The tokens in the registry: created, listed, revoked. Each function is one transaction."""

from typing import Any

from peewee import Database, IntegrityError

from glyphd.db.registry_models import RegistryIdentity
from glyphd.db.token_models import AccessToken
from glyphd.errors import InvalidSettings
from glyphd.times import now_text
from glyphd.token_text import lookup_of, new_token
from glyphd.tokens.grants import Grant, Scope, digest_of
from glyphd.tokens.terms import Terms


def create_token(registry: Database, terms: Terms) -> str:
    """Creates a token, which is not stored itself; from now on every request needs one.

    Raises InvalidSettings if another token has that name.
    """
    token = new_token()
    values = {
        "name": terms.name,
        "lookup": lookup_of(token),
        "digest": digest_of(token),
        "scope": terms.scope,
        "source": terms.source,
        "created_at": now_text(),
        "expires_at": terms.expires_at,
    }
    try:
        with registry.connection_context(), registry.atomic():
            _execute(registry, AccessToken.insert(values))
            _lock(registry)
    except IntegrityError:
        raise InvalidSettings(
            f"there is a token {terms.name} already: revoke it first, or choose another name"
        ) from None
    return token


def revoke_token(registry: Database, name: str) -> bool:
    """Revokes the token of this name, or with this look-up part; False if there is none."""
    named = (AccessToken.name == name) | (AccessToken.lookup == name)
    valid = AccessToken.revoked_at.is_null()
    with registry.connection_context():
        changed = AccessToken.update(revoked_at=now_text()).where(named, valid)
        return bool(_execute(registry, changed))


def all_tokens(registry: Database) -> list[AccessToken]:
    """Every token that was ever created, oldest first. The caller holds the connection."""
    return list(AccessToken.select().order_by(AccessToken.id).bind(registry))


def grant_in(row: AccessToken) -> Grant:
    """The grant of a row of the registry."""
    return Grant(
        name=str(row.name),
        scope=Scope(str(row.scope)),
        digest=str(row.digest),
        lookup=str(row.lookup),
        source=row.source,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )


def lock(registry: Database) -> None:
    """From now on every request needs a token, whether there is one or not."""
    with registry.connection_context(), registry.atomic():
        _lock(registry)


def is_locked(registry: Database) -> bool:
    """Whether a token has ever existed. The caller holds the connection."""
    row = registry.execute(RegistryIdentity.select(RegistryIdentity.locked_at)).fetchone()
    return row is not None and row[0] is not None


def _lock(registry: Database) -> None:
    unlocked = RegistryIdentity.locked_at.is_null()
    _execute(registry, RegistryIdentity.update(locked_at=now_text()).where(unlocked))


def _execute(registry: Database, query: Any) -> Any:
    return query.bind(registry).execute()
