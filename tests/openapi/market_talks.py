"""Requests about the market and to watches."""

import json
from typing import Any

from tests.openapi.talks import Talk

LISTS = (
    "/api/stats?by=model,region",
    "/api/stats/history?by=model&bucket=week",
    "/api/index",
    "/api/diff?from=2025-01-01&kind=added",
)
JSON = {"Content_Type": "application/json"}


def create_watch(talk: Talk) -> Any:
    """Creates a watch for new offers."""
    body = json.dumps({"name": "new", "condition": "new"})
    return talk.ask("POST", "/api/watches", body, 201, **JSON).json


def ask_about_the_market(talk: Talk) -> None:
    talk.ask("GET", "/api/diff?from=2025-01-01")
    for path in LISTS:
        talk.ask("GET", path)
        for form in ("json", "csv", "ndjson", "parquet"):
            talk.ask_in_parts(f"{path}{'&' if '?' in path else '?'}format={form}")


def use_watches(talk: Talk) -> None:
    watch = create_watch(talk)
    at = f"/api/watches/{watch['watch_id']}"
    talk.upload(
        "model,price,score,seller\nL40S,1,1,Acme\n", "?source=watched", 200, Prefer="wait=30"
    )
    for path in ("/api/watches", f"{at}/matches"):
        assert talk.ask("GET", path).json, path
        for form in ("csv", "ndjson", "parquet"):
            talk.ask("GET", f"{path}?format={form}")
    talk.ask("GET", at)
    talk.ask("GET", watch["links"]["feed"])
    talk.ask("PATCH", at, '{"name": "newer"}', 200, **JSON)
    talk.ask("POST", f"{at}/feed", status=200)
    talk.ask("DELETE", at, status=204)
    talk.ask("GET", at, status=404)
