"""Requests of real clients, recorded by a server that ran in place of this one.

Chromium 156 and Firefox 153 loaded pages of the service (`own-…`), of another site (`cross-…`), of
another port (`cross-port-…`), of a rebound name (`rebind-…`), of `data:` and `file:` URLs, and one
whose address was typed by hand. `gpu-box` and `evil.example` led to the same machine. `via` is the
proxy in between: nginx 1.22, with the header that it was configured to pass, or Caddy 2.6.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from webtest import TestResponse

from tests.service import Service, problem

_FILE = Path(__file__).parents[1] / "data" / "recorded_requests.json"
CSV = "model,price_usd,score\nL4,2400,0.5\n"


@dataclass(frozen=True)
class Recorded:
    client: str
    via: str
    case: str
    method: str
    headers: dict[str, str]

    def __str__(self) -> str:
        words = (
            self.client,
            self.via,
            self.case,
            self.method,
            self.headers["Host"],
            self.headers.get("Origin"),
        )
        return " ".join(word for word in words if word)

    def send(self, service: Service, peer: str = "127.0.0.1") -> TestResponse:
        """Sends the request to the service: a write as an upload, anything else as a query for
        listings."""
        options: dict[str, Any] = {"extra_environ": {"REMOTE_ADDR": peer}, "expect_errors": True}
        if self.method == "POST":
            headers = {**self.headers, "Content-Type": "text/csv"}
            return service.http.post("/api/import", CSV, headers=headers, **options)
        return service.http.get("/api/listings", headers=self.headers, **options)

    @property
    def is_write(self) -> bool:
        return self.method == "POST"


RECORDED = [Recorded(**entry) for entry in json.loads(_FILE.read_bytes())]


def recorded(*cases: str, via: str = "", origin: str = "", host: str = "") -> list[Recorded]:
    """The requests whose case starts with one of these, and whose origin and host start like
    this."""
    found = [
        request
        for request in RECORDED
        if request.case.startswith(cases)
        and request.via == via
        and request.headers.get("Origin", "").startswith(origin)
        and request.headers["Host"].startswith(host)
    ]
    assert found
    return found


def post_csv(
    service: Service, path: str = "/api/import", peer: str = "127.0.0.1", **headers: str
) -> TestResponse:
    """Sends a small upload, or the same body to another path. `Sec_Fetch_Site` sets the header of
    that name."""
    named = {"Content-Type": "text/csv"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    options: dict[str, Any] = {"extra_environ": {"REMOTE_ADDR": peer}, "expect_errors": True}
    return service.http.post(path, CSV, headers=named, **options)


def code_of(answer: TestResponse) -> str:
    """The code of a refusal, otherwise an empty string."""
    return str(problem(answer)["code"]) if answer.status_code >= 400 else ""


def is_taken(answer: TestResponse) -> bool:
    return answer.status_code in (200, 202)
