"""Tokens for tests: created in the registry of a service, and sent as clients send them."""

from typing import Any

from webtest import TestResponse

from glyphd.tokens.grants import Scope
from glyphd.tokens.terms import Terms
from glyphd.tokens.token_store import create_token, revoke_token
from tests.service import Service, offers, problem

CSV = offers("RTX_A6000,4500,0.9,USA,Acme,2025-07-29T12:00:00Z")
LISTINGS = "/api/listings"
LONG_AGO = "2020-01-01T00:00:00.000000Z"


def new_key(service: Service, name: str, scope: str = "admin", **terms: Any) -> str:
    """Creates a token that the service knows from the next request on."""
    token = create_token(service.services.registry.database, Terms(name, Scope(scope), **terms))
    service.services.tokens.forget()
    return token


def revoke_key(service: Service, name: str) -> None:
    assert revoke_token(service.services.registry.database, name)
    service.services.tokens.forget()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def get_as(service: Service, path: str = LISTINGS, peer: str = "", **headers: str) -> TestResponse:
    """The answer to a request with these headers, which include the token, from this client."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    options: dict[str, Any] = {"extra_environ": {"REMOTE_ADDR": peer or "127.0.0.1"}}
    return service.http.get(path, headers=named, expect_errors=True, **options)


def code_of(answer: TestResponse) -> tuple[int, str]:
    """The status, and the code if it is a refusal."""
    return answer.status_code, problem(answer)["code"] if answer.status_code >= 400 else ""


def upload_as(service: Service, token: str, query: str = "", **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {"Content-Type": "text/csv", **bearer(token), **named}
    options: dict[str, Any] = {"expect_errors": True}
    return service.http.post(f"/api/import{query}", CSV, headers=sent, **options)


def change_as(service: Service, token: str, path: str) -> TestResponse:
    return service.http.post(path, headers=bearer(token), expect_errors=True)
