"""A service with a history: imports of every kind, rolled back and restored; and every answer it
gives about them."""

import gzip
from typing import Any

from tests.service import Service, offers

QUESTIONS = (
    "/api/listings",
    "/api/listings?history=true&sort=import_index",
    "/api/listings?history=true&format=csv",
    "/api/deltas",
    "/api/models",
)
OF_IMPORT = ("", "/errors", "/file", "/report.csv")


def live(service: Service) -> None:
    """Three days, one gzipped and with a skipped row; a failure, rows as JSON, and rollbacks and
    restores."""
    monday = service.import_csv(
        offers(
            "L4,2400,0.9,EU,Acme,2025-07-28",
            "L4,2500,0.9,EU,Acme,2025-07-28",
            "A100,9000.10,0.8,US,,2025-07-28",
        ),
        "?source=one&description=first",
    )["import_id"]
    packed = gzip.compress(
        offers("L4,2200,0.9,EU,Acme,2025-07-29", "H100,x,0.7,EU,Acme,2025-07-29").encode()
    )
    tuesday = service.import_csv(packed, "?on_error=skip", Content_Encoding="gzip")["import_id"]
    service.import_csv(offers("L4,x,0.9,EU,Acme,2025-07-29"))
    service.import_csv(offers("L4,1,0.9,EU,Acme,2025-07-29"), "?dry_run=true")
    rows = (
        '[{"model": "T4", "price_usd": 700, "score": 0.5, "heuristics": {"a": 1.10}, '
        '"seen_at": "2025-07-30"}]'
    )
    service.post("/api/persist/listings", rows, {"Content-Type": "application/json"})
    service.work()
    for kind, import_id in (("rollback", tuesday), ("rollback", monday), ("restore", tuesday)):
        service.http.post(f"/api/imports/{import_id}/{kind}?reason=why")
        service.work()


def answers(service: Service) -> dict[str, Any]:
    """Every answer of the service about its imports and listings, now and at every past moment."""
    moments = [row["imported_at"] for row in service.listings("?history=true")]
    moments += [change.changed_at for change in service.changes()]
    imports = [row["import_id"] for row in service.http.get("/api/imports").json]
    listings = {row["listing_id"] for row in service.listings("?history=true")}
    paths = [
        *QUESTIONS,
        *(f"/api/listings?as_of={moment}" for moment in sorted(set(moments))),
        *(f"/api/imports/{import_id}{part}" for import_id in imports for part in OF_IMPORT),
        *(f"/api/listings?import_id={import_id}" for import_id in imports),
        *(f"/api/listings/{listing_id}/history" for listing_id in sorted(listings)),
    ]
    return {path: _answer(service, path) for path in paths}


def _answer(service: Service, path: str) -> tuple[int, bytes]:
    found = service.http.get(path, status="*")
    return found.status_code, found.body
