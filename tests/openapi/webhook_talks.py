"""Requests to webhooks."""

import json

from tests.http.attempts import add_attempt
from tests.openapi.talks import Talk

JSON = {"Content_Type": "application/json"}


def use_webhooks(talk: Talk) -> None:
    made = talk.ask(
        "POST", "/api/webhooks", json.dumps({"url": "https://example.com"}), 201, **JSON
    )
    webhook = f"/api/webhooks/{made.json['webhook_id']}"
    talk.ask("POST", "/api/webhooks", '{"url": 1}', 422, **JSON)
    talk.ask("GET", webhook)
    talk.ask("PATCH", webhook, '{"description": "chat", "enabled": false}', 200, **JSON)
    add_attempt(talk.service, made.json["webhook_id"], talk.ask("GET", "/api/events").json[0]["id"])
    (attempt,) = talk.ask("GET", f"{webhook}/attempts").json
    replay = f"{webhook}/attempts/{attempt['id']}/replay"
    talk.ask("POST", replay, status=409)
    talk.ask("PATCH", webhook, '{"enabled": true}', 200, **JSON)
    talk.ask("POST", replay, status=202)
    for path in ("/api/events", "/api/sources", "/api/webhooks", f"{webhook}/attempts"):
        for form in ("csv", "ndjson", "parquet"):
            talk.ask("GET", f"{path}?format={form}")
        etag = talk.ask("GET", path).headers["ETag"]
        talk.ask("GET", path, status=304, If_None_Match=etag)
    talk.ask("DELETE", webhook, status=204)
    talk.ask("GET", webhook, status=404)
