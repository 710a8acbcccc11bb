"""A client that resends files until each is imported, whatever is killed meanwhile."""

import json
import time
from dataclasses import dataclass
from typing import Any

import urllib3

ROWS = 20
PATIENCE_SECONDS = 600
PAUSE_SECONDS = 0.5
FINAL = ("succeeded", "failed", "cancelled")
CSV = "model,price_usd,score,region,seller,source_url,seen_at\n"


@dataclass(frozen=True)
class Imported:
    """How the import of one file ended."""

    number: int
    import_id: str
    status: str
    rows: int = ROWS


class Client:
    """The client of one address; it repeats each request until it gets an answer."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._pool = urllib3.PoolManager(maxsize=32, timeout=30, retries=False)

    def import_file(self, number: int) -> Imported:
        """Sends a file of its own, and waits until its import has ended. The key makes repeated
        requests the same import."""
        headers = {"Content-Type": "text/csv", "Idempotency-Key": f"file-{number}"}
        sent = self._asked("POST", "/api/import", body=_file(number), headers=headers)
        import_id = str(sent["import_id"])
        deadline = time.monotonic() + PATIENCE_SECONDS
        status = sent
        while status["status"] not in FINAL and time.monotonic() < deadline:
            time.sleep(PAUSE_SECONDS)
            status = self._asked("GET", f"/api/imports/{import_id}")
        return Imported(number, import_id, str(status["status"]))

    def count_events(self) -> int:
        return len(self._asked("GET", "/api/listings?history=true&fields=import_id"))

    def count_imports(self) -> int:
        return len(self._asked("GET", "/api/imports?limit=10000"))

    def _asked(self, method: str, path: str, **options: Any) -> Any:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer = self._pool.request(method, self._address + path, **options)
                if answer.status < 300:
                    return json.loads(answer.data)
                said = f"{answer.status} {answer.data[:300]!r}"
                assert answer.status in {408, 429, 500, 502, 503, 504, 507}, said
            except (urllib3.exceptions.HTTPError, json.JSONDecodeError) as error:
                said = repr(error)
            assert time.monotonic() < deadline, f"{method} {path}: {said}"
            time.sleep(PAUSE_SECONDS)


def _file(number: int) -> bytes:
    rows = "".join(
        f"L4,{2000 + row},0.7,EU,Seller {number},https://shop.example/{number}/{row},"
        "2025-07-28T12:00:00Z\n"
        for row in range(ROWS)
    )
    return (CSV + rows).encode()
