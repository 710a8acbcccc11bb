"""What every route really answers is what the document says, in every form and format."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from glyphd.api.failed_tokens import MOST_FAILURES
from tests.openapi.contract import Contract
from tests.openapi.market_talks import ask_about_the_market, create_watch, use_watches
from tests.openapi.talks import Talk
from tests.openapi.webhook_talks import use_webhooks
from tests.service import Service, StartService
from tests.tokens import LONG_AGO, bearer, new_key, revoke_key

SAMPLES = Path(__file__).parents[2] / "sample"
ROW = {"model": "L4", "price_usd": "2500", "score": 0.5, "seller": "Acme", "warranty": "1 year"}
FORM = "application/x-www-form-urlencoded"
NEEDS_A_BUSY_WORKER = {("cancel_import", "202")}
"""Answers that need a worker in the middle of an import."""
NEEDED = {"/api/diff": "?from=2025-01-01"}
"""Parameters that a path requires."""


@pytest.fixture(scope="module")
def contract(shared_service: Service) -> Contract:
    return Contract(shared_service.http.get("/openapi.json").json)


@pytest.fixture
def talk(service: Service, contract: Contract) -> Talk:
    return Talk(service, contract)


def _promised(contract: Contract) -> Iterator[tuple[str, str, str]]:
    """Every answer that is not a problem: operation, status and media type."""
    for operations in contract.document["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                name = operation["operationId"]
                if int(status) < 400 and (name, status) not in NEEDS_A_BUSY_WORKER:
                    content = response.get("content", {"": {}})
                    yield from ((name, status, media_type) for media_type in content)


def test_every_answer_of_every_route_is_as_described(talk: Talk) -> None:
    with talk.service.live_worker():
        _send_in_every_form(talk)
        first, second = _send_two_days(talk)
        _ask_for_every_list(talk, first, second)
        _ask_for_single_things(talk, first)
        use_webhooks(talk)
        ask_about_the_market(talk)
        use_watches(talk)
        _change_imports(talk, first)
    _ask_for_what_waits(talk)
    _ask_again_for_what_has_not_changed(talk, first)
    assert set(_promised(talk.contract)) - talk.seen == set()


def _send_in_every_form(talk: Talk) -> None:
    csv = (SAMPLES / "scored_sample.csv").read_bytes()
    boundary = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    talk.upload(boundary + csv + b"\r\n--x--\r\n", Content_Type="multipart/form-data; boundary=x")
    document = json.dumps({"csv": csv.decode(), "filename": "offers.csv"})
    talk.upload(document, Content_Type="application/json")
    packed = {
        talk.upload(gzip.compress(csv), Content_Encoding="gzip"),
        talk.upload(gzip.compress(csv), Content_Type="application/gzip"),
    }
    for import_id in packed:
        talk.ask_in_parts(f"/api/imports/{import_id}/file")
    tabs = talk.upload("model\tprice\tscore\nL4\t1\t1\n", Content_Type="text/tab-separated-values")
    talk.ask_in_parts(f"/api/imports/{tabs}/file")
    other = talk.upload(csv, Content_Type="application/csv")
    talk.ask_in_parts(f"/api/imports/{other}/file")
    talk.ask("POST", "/api/listings/import", csv, 202, Content_Type="text/csv")
    talk.ask("POST", "/api/listings/import", csv, 200, Content_Type="text/csv", Prefer="wait=30")
    for prefer, status in (("wait=30", 200), ("respond-async", 202)):
        sent = {"Content_Type": "application/json", "Prefer": prefer}
        answer = talk.ask(
            "POST", "/api/persist/listings?source=mine", json.dumps([ROW]), status, **sent
        )
    talk.ask_in_parts(f"/api/imports/{answer.json['import_id']}/file")


def _send_two_days(talk: Talk) -> tuple[str, str]:
    days = [(SAMPLES / f"scored_sample_v{day}.csv").read_bytes() for day in (1, 2)]
    first, second = (
        talk.upload(day, "?source=daily", 200, Prefer="wait=30", Idempotency_Key=f"day{number}")
        for number, day in enumerate(days)
    )
    again = talk.upload(days[0], "?source=daily", 200, Prefer="wait=30", Idempotency_Key="day0")
    assert again == first
    return first, second


def _ask_for_every_list(talk: Talk, first: str, second: str) -> None:
    broken = talk.upload((SAMPLES / "broken_sample.csv").read_bytes(), "?on_error=skip")
    listing_id = talk.service.listings("?model=RTX_A6000")[0]["listing_id"]
    paths = (
        "/api/imports?count=exact&limit=3",
        f"/api/imports/{broken}/errors?limit=2",
        "/api/listings?count=exact&limit=3",
        "/api/listings?history=true&fields=extra,model,heuristics",
        "/api/deltas?limit=3",
        "/api/forecast/deltas",
        f"/api/listings/{listing_id}/history",
        "/api/models?limit=1",
        "/api/models/RTX_A6000/history?bucket=week",
        *(f"/api/imports/{first}/diff/{second}?kind={kind}" for kind in ("added", "removed")),
        f"/api/imports/{first}/diff/{second}?kind=changed&fields=model,old_price_usd",
    )
    for path in paths:
        mark = "&" if "?" in path else "?"
        rows = talk.ask("GET", path).json
        assert rows, path
        for form in ("csv", "ndjson", "parquet"):
            talk.ask("GET", f"{path}{mark}format={form}&safe=true&bom=true")
    wholes = (
        f"/api/imports/{broken}/errors",
        "/api/listings",
        "/api/deltas",
        "/api/forecast/deltas",
        f"/api/listings/{listing_id}/history",
        "/api/models",
        "/api/models/RTX_A6000/history",
        f"/api/imports/{first}/diff/{second}?kind=changed",
    )
    for path in wholes:
        mark = "&" if "?" in path else "?"
        for form in ("json", "csv", "ndjson", "parquet"):
            talk.ask_in_parts(f"{path}{mark}format={form}")


def _ask_for_single_things(talk: Talk, import_id: str) -> None:
    talk.ask("GET", "/metrics")
    talk.ask("GET", "/metrics", Accept="application/openmetrics-text")
    listing = talk.service.listings("?seller=Acme&model=L4")[0]
    of_file = talk.service.listings("?model=RTX_A6000")[0]["listing_id"]
    paths = (
        f"/api/listings/{of_file}",
        f"/api/listings/{of_file}/source",
        f"/api/listings/{listing['listing_id']}/source",
        "/api/models/rtx_a6000",
        f"/api/imports/{import_id}",
        f"/api/import/{import_id}",
        f"/api/imports/{import_id}/report.csv",
        f"/api/imports/{import_id}/file",
        f"/api/imports/{import_id}/diff/{import_id}",
        "/api/schema",
        "/api/schema.csv",
        "/api/schema/versions",
        "/api/health",
        "/api/ready",
        "/openapi.json",
    )
    for path in paths:
        talk.ask("GET", path)
        talk.ask("HEAD", path)
        talk.ask("GET", path, Accept_Encoding="gzip")
    for name in ("report.csv", "file"):
        talk.ask_in_parts(f"/api/imports/{import_id}/{name}")


def _change_imports(talk: Talk, import_id: str) -> None:
    at = f"/api/imports/{import_id}"
    talk.ask("POST", f"{at}/rollback", '{"dry_run":true}', 200, Content_Type="application/json")
    talk.ask("POST", f"{at}/rollback", "reason=wrong", 200, Content_Type=FORM, Prefer="wait=30")
    talk.ask("POST", f"{at}/restore", '{"reason":"right"}', 200, Content_Type="application/json")
    checked = talk.upload("model,price,score\nL4,1,1\n", "?dry_run=true", 200, Prefer="wait=30")
    talk.ask("POST", f"/api/imports/{checked}/retry", status=200, Prefer="wait=30")


def _ask_for_what_waits(talk: Talk) -> None:
    """Without a worker no import ends."""
    waiting = talk.upload("model,price,score\nL4,1,1\n")
    talk.ask("GET", f"/api/imports/{waiting}")
    talk.ask("POST", f"/api/imports/{waiting}/cancel")
    talk.ask("POST", f"/api/imports/{waiting}/retry", status=202)
    done = talk.service.http.get("/api/imports?status=succeeded").json
    for kind in ("rollback", "restore"):
        ended = next(found for found in done if found["record_count"] and not found["dry_run"])
        answer = talk.ask(
            "POST", f"/api/imports/{ended['import_id']}/{kind}", status=202, Prefer="respond-async"
        )
        talk.service.work()
        assert answer.json["import_id"] == ended["import_id"]


def _ask_again_for_what_has_not_changed(talk: Talk, import_id: str) -> None:
    """Each route that has a tag, by the paths seen before."""
    listing_id = talk.service.listings("?model=RTX_A6000")[0]["listing_id"]
    watch = create_watch(talk)
    filled = {
        "watch_id": watch["watch_id"],
        "secret": watch["links"]["feed"].rsplit("/", 1)[1],
        "import_id": import_id,
        "a": import_id,
        "b": import_id,
        "listing_id": listing_id,
        "model": "RTX_A6000",
        "webhook_id": talk.ask(
            "POST",
            "/api/webhooks",
            '{"url": "https://example.com"}',
            201,
            Content_Type="application/json",
        ).json["webhook_id"],
    }
    for template, operations in talk.contract.document["paths"].items():
        if "304" in operations.get("get", {}).get("responses", {}):
            path = template.format(**filled) + NEEDED.get(template, "")
            etag = talk.ask("GET", path).headers["ETag"]
            talk.ask("GET", path, status=304, If_None_Match=etag)


def test_every_problem_that_a_request_may_cause_is_described(talk: Talk) -> None:
    """All kinds of refusals, one by one; `Contract.faults` checks status, code and members."""
    import_id = talk.upload("model,price,score\nL4,1,1\n")
    csv = {"Content_Type": "text/csv"}
    json_type = {"Content_Type": "application/json"}
    talk.ask("GET", "/api/listings?limt=3", status=400)
    talk.ask("GET", "/api/listings?min_score=high", status=400)
    talk.ask("GET", "/api/listings?limit=3&cursor=x", status=400)
    talk.ask("GET", "/api/listings", status=406, Accept="image/png")
    talk.ask("GET", "/api/listings", status=421, Host="evil.example")
    talk.ask("GET", "/api/listings/0", status=404)
    talk.ask("GET", f"/api/listings/{'0' * 32}/source", status=404)
    talk.ask("GET", "/api/models/none", status=404)
    talk.ask("GET", "/api/imports/none", status=404)
    talk.ask("GET", "/api/listings", status=416, Range="bytes=100000-")
    talk.ask("GET", f"/api/imports/{import_id}/diff/{import_id}", status=409)
    talk.ask("GET", "/api/ready", status=503)
    talk.ask("POST", "/api/import", "a,b\n", 422, **csv)
    talk.ask("POST", "/api/import", "", 422, **csv)
    talk.ask("POST", "/api/import", "x", 415, Content_Type="image/png")
    talk.ask("POST", "/api/import", "x", 400, Content_Type="multipart/form-data; boundary=x")
    talk.ask("POST", "/api/import", "x", 403, Sec_Fetch_Site="cross-site", **csv)
    talk.ask("POST", "/api/import", "x", 400, Idempotency_Key="\t", **csv)
    talk.ask("POST", "/api/import", '{"a": 1}', 422, **json_type)
    talk.ask("POST", "/api/persist/listings", '[{"model": 1}, 3]', 422, **json_type)
    talk.ask("POST", f"/api/imports/{import_id}/rollback", status=409)
    talk.ask("POST", f"/api/imports/{import_id}/retry", status=409)
    talk.service.work()
    talk.ask("POST", f"/api/imports/{import_id}/cancel", status=409)
    talk.ask("POST", f"/api/imports/{import_id}/restore", status=409)


def test_a_failed_import_that_was_waited_for_is_described(talk: Talk) -> None:
    with talk.service.live_worker():
        broken = (SAMPLES / "broken_sample.csv").read_bytes()
        answer = talk.ask(
            "POST", "/api/import", broken, 422, Content_Type="text/csv", Prefer="wait=30"
        )
    assert answer.json["import"]["status"] == "failed"
    assert len(answer.json["errors"]) == 3


def test_answers_to_and_without_tokens_are_described(talk: Talk) -> None:
    talk.upload("model,price,score\nL4,1,1\n")
    reader = bearer(new_key(talk.service, "reader", "read"))
    expired = bearer(new_key(talk.service, "old", expires_at=LONG_AGO))
    revoked = bearer(new_key(talk.service, "gone"))
    revoke_key(talk.service, "gone")
    paths = ("/api/listings", "/api/imports", "/api/schema", "/openapi.json")
    for path in paths:
        talk.ask("GET", path, "", 200, **reader)
        for token in ({}, expired, revoked):
            talk.ask("GET", path, "", 401, **token)
    talk.ask("POST", "/api/import", "x", 403, Content_Type="text/csv", **reader)
    talk.ask("GET", "/api/health")
    talk.ask("GET", "/api/ready", status=503)
    for _ in range(MOST_FAILURES - 2 * len(paths)):
        talk.ask("GET", "/api/models", "", 401, **expired)
    talk.ask("GET", "/api/models", "", 429, **expired)


def test_a_full_service_is_described(start_service: StartService, contract: Contract) -> None:
    talk = Talk(start_service(max_imports_waiting=1, max_json_bytes=10), contract)
    talk.ask("POST", "/api/persist/listings", "[" * 20, 413, Content_Type="application/json")
    talk.upload("model,price,score\nL4,1,1\n")
    talk.ask("POST", "/api/import", "x", 503, Content_Type="text/csv")
