"""Every time in every answer has six decimals, so that a single pattern parses a whole column."""

import re
from collections.abc import Iterator

import pytest

from glyphd.api.app import all_routes
from tests.http.attempts import add_attempt
from tests.service import Service, offers

FIRST = offers(
    "L4,2000,0.5,EU,Acme,2025-07-01", "A100,9000,0.9,EU,Zebra,2025-07-01T12:00:00.5+02:00"
)
SECOND = offers("L4,2500,0.5,EU,Acme,2025-07-02T00:00:00Z", "A100,9000,0.9,EU,Acme,2025-07-02")
A_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T[0-9:.]*[^\s\",}<\]]*")
SIX_DECIMALS = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z")
WITHOUT_TIMES = ("openapi", "health", "ready", "schema", "diff", "errors", "metrics", "index")
AS_SENT = ("file", "source", "report")


def _paths(service: Service) -> Iterator[str]:
    watch = service.http.post_json("/api/watches", {"name": "new", "condition": "new"}).json
    first = service.import_csv(FIRST)["import_id"]
    second = service.import_csv(SECOND)["import_id"]
    third = service.import_csv(FIRST)["import_id"]
    service.http.post(f"/api/imports/{third}/rollback", status=202)
    service.work()
    listing_id = service.listings("?model=L4")[0]["listing_id"]
    webhook = service.http.post_json("/api/webhooks", {"url": "https://example.com/", "after": 0})
    webhook_id = webhook.json["webhook_id"]
    add_attempt(service, webhook_id)
    known = {
        "import_id": third,
        "listing_id": listing_id,
        "model": "L4",
        "webhook_id": webhook_id,
        "watch_id": watch["watch_id"],
        "secret": watch["links"]["feed"].rsplit("/", 1)[1],
    }
    for route in all_routes(service.services):
        if route.method == "GET" and not any(
            word in route.path for word in (*WITHOUT_TIMES, *AS_SENT)
        ):
            yield re.sub(r"<(\w+)[^>]*>", lambda name: known[name[1]], route.path)
    yield f"/api/listings?import_id={third}"
    yield f"/api/listings?history=true&as_of={service.status(second)['imported_at']}"
    yield f"/api/imports/{first}/diff/{second}?kind=added"


@pytest.mark.parametrize("media_type", ["application/json", "text/csv", "application/x-ndjson"])
def test_every_time_in_every_answer_has_six_decimals(service: Service, media_type: str) -> None:
    paths = list(_paths(service))
    assert len(paths) > 8
    for path in paths:
        found = A_TIME.findall(service.http.get(path, headers={"Accept": media_type}).text)
        assert found, path
        assert all(SIX_DECIMALS.fullmatch(time) for time in found), (path, found)
