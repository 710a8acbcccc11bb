"""Tokens for tests: created in the registry of a service, and sent as clients send them."""

from typing import Any

from glyphd.tokens.grants import Scope
from glyphd.tokens.terms import Terms
from glyphd.tokens.token_store import create_token, revoke_token
from tests.service import Service

LONG_AGO = "2020-01-01T00:00:00.000000Z"


def new_key(service: Service, name: str, scope: str = "admin", **terms: Any) -> str:
    """A token that the service knows from the next request on."""
    token = create_token(service.services.registry.database, Terms(name, Scope(scope), **terms))
    service.services.tokens.forget()
    return token


def revoke_key(service: Service, name: str) -> None:
    assert revoke_token(service.services.registry.database, name)
    service.services.tokens.forget()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
