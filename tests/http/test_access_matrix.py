"""Every route, requested by every kind of visitor: the answers are those in `access_matrix.csv`."""

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from webtest import TestResponse

from glyphd.token_text import new_token
from tests.service import Service, offers, start_in
from tests.tokens import LONG_AGO, bearer, new_key, revoke_key
from tests.web.browsing import ACCEPT

with Path(__file__).with_name("access_matrix.csv").open() as file:
    ROWS = list(csv.DictReader(file))
VISITORS = list(ROWS[0])[2:]
PARAMETER = re.compile(r"<(\w+)[^>]*>")
FOREIGN_PAGE = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
CODES = {
    "no token": "unauthorized",
    "wrong": "invalid_token",
    "expired": "token_expired",
    "revoked": "token_revoked",
    "cross-site": "cross_site_request",
}
"""The codes with which they are refused; for a token with too small a scope it is
`insufficient_scope`."""


@dataclass(frozen=True)
class Guarded:
    """A service with an import of the source `weekly`, and all kinds of visitors."""

    service: Service

    @cached_property
    def parts(self) -> dict[str, str]:
        """Values for the parameters of a path."""
        row = offers("L4,2400,0.7,USA,Acme,2025-07-29T12:00:00Z")
        import_id = self.service.import_csv(row, "?source=weekly")["import_id"]
        listing_id = self.service.listings()[0]["listing_id"]
        return {
            "import_id": import_id,
            "a": import_id,
            "b": import_id,
            "listing_id": listing_id,
            "model": "L4",
            "version": "0",
            "webhook_id": "0",
            "attempt_id": "0",
            "watch_id": "0",
            "secret": "0",
            "name": "style.css",
        }

    @cached_property
    def headers(self) -> dict[str, dict[str, str]]:
        """The headers that each visitor sends."""
        assert self.parts  # imported before there is any token
        service = self.service
        expired = new_key(service, "old", expires_at=LONG_AGO)
        revoked = new_key(service, "gone")
        revoke_key(service, "gone")
        cookie = self.sign_in(new_key(service, "a person"))
        return {
            "no token": {},
            "wrong": bearer(new_token()),
            "expired": bearer(expired),
            "revoked": bearer(revoked),
            "read": bearer(new_key(service, "reader", "read")),
            "write": bearer(new_key(service, "writer", "write")),
            "its source": bearer(new_key(service, "feed", "write", source="Weekly")),
            "another source": bearer(new_key(service, "other", "write", source="daily")),
            "admin": bearer(new_key(service, "boss")),
            "session": {"Cookie": cookie},
            "cross-site": {"Cookie": cookie, **FOREIGN_PAGE},
        }

    def ask(self, method: str, path: str, visitor: str) -> TestResponse:
        """Requests a path, as a browser if it is a page. Earlier failures of other visitors do not
        count."""
        filled = path.format_map(self.parts)
        headers = dict(self.headers[visitor])
        if path == "/logout" and "Cookie" in headers:
            headers["Cookie"] = self.sign_in(new_key(self.service, f"leaving, {method} {visitor}"))
        if not path.startswith("/api/"):
            headers["Accept"] = ACCEPT
        self.service.http.extra_environ = {"REMOTE_ADDR": _another_address()}
        return self.service.http.request(filled, method=method, headers=headers, expect_errors=True)

    def sign_in(self, token: str) -> str:
        answer = self.service.http.post(
            "/login", {"token": token}, headers={"Accept": ACCEPT}, status=303
        )
        self.service.http.reset()
        return str(answer.headers["Set-Cookie"]).partition(";")[0]


def _addresses() -> Callable[[], str]:
    numbers = iter(range(2**24))
    return lambda: ".".join(map(str, (10, *next(numbers).to_bytes(3))))


_another_address = _addresses()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, initialised_folder: Path) -> Guarded:
    folder = tmp_path_factory.mktemp("guarded") / "data"
    return Guarded(start_in(folder, initialised_folder))


def test_every_route_is_in_the_matrix(guarded: Guarded) -> None:
    app: Any = guarded.service.http.app
    routes = sorted((PARAMETER.sub(r"{\1}", route.rule), route.method) for route in app.routes)
    assert sorted((row["path"], row["method"]) for row in ROWS) == routes


@pytest.mark.parametrize("visitor", VISITORS)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['method']} {row['path']}")
def test_each_visitor_gets_the_documented_answer(
    guarded: Guarded, row: dict[str, str], visitor: str
) -> None:
    answer = guarded.ask(row["method"], row["path"], visitor)
    assert _outcome(answer) == row[visitor]
    if row[visitor] in ("401", "403") and row["path"].startswith("/api/"):
        assert answer.json["code"] == CODES.get(visitor, "insufficient_scope")
    if row[visitor] == "401":
        assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="glyphd"')


def _outcome(answer: TestResponse) -> str:
    """The status if the visitor is refused, `login` if it is redirected there, otherwise `ok`."""
    if answer.status_code == 303 and answer.headers["Location"].partition("?")[0] == "/login":
        return "login"
    assert answer.status_code < 500 or answer.json["code"] == "not_ready"
    return str(answer.status_code) if answer.status_code in (401, 403, 421, 429) else "ok"
