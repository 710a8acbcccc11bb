"""Requests to a service whose answers are checked against the OpenAPI document."""

import gzip
from dataclasses import dataclass, field
from typing import Any

from tests.openapi.contract import Contract, Exchange
from tests.service import Service


@dataclass
class Talk:
    """Sends requests to a service, checks each answer, and records which parts of the document were
    seen."""

    service: Service
    contract: Contract
    seen: set[tuple[str, str, str]] = field(default_factory=set)

    def ask(
        self, method: str, path: str, body: str | bytes = b"", status: int = 200, **headers: str
    ) -> Any:
        sent = body.encode() if isinstance(body, str) else body
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.service.http.request(
            path, method=method, body=sent, headers=named, status=status
        )
        content = answer.body
        if content and answer.headers.get("Content-Encoding") == "gzip":
            content = gzip.decompress(content)
        exchange = Exchange(
            method, path.partition("?")[0], answer.status_int, dict(answer.headers), content
        )
        assert self.contract.faults(exchange) == [], (method, path)
        operation = self.contract.operation(method, exchange.path)
        assert operation is not None, path
        self.seen.add((operation["operationId"], str(status), exchange.media_type))
        return answer

    def ask_in_parts(self, path: str) -> None:
        """Requests the whole, and a few bytes of it."""
        whole = self.ask("GET", path).body
        part = self.ask("GET", path, status=206, Range="bytes=0-9")
        assert part.body == whole[:10]

    def upload(self, body: str | bytes, query: str = "", status: int = 202, **headers: str) -> str:
        answer = self.ask(
            "POST", f"/api/import{query}", body, status, **{"Content_Type": "text/csv", **headers}
        )
        import_id: str = answer.json["import_id"]
        return import_id
