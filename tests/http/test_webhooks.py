"""`/api/webhooks`: creating, changing and deleting webhooks, and their attempts."""

from io import BytesIO
from typing import Any

import pyarrow.parquet as pq
import pytest

from glyphd.db.webhook_models import WebhookAttempt
from tests.http.attempts import add_attempt
from tests.service import Service, StartService, next_page, offers, problem

CSV = offers("RTX_A6000,4500,0.9,USA,Acme,2025-07-29T12:00:00Z")
URL = "https://example.com/hook"


def _create(service: Service, **members: Any) -> dict[str, Any]:
    found: dict[str, Any] = service.http.post_json(
        "/api/webhooks", {"url": URL} | members, status=201
    ).json
    return found


def test_a_webhook_is_created_and_its_secret_is_shown_once(service: Service) -> None:
    answer = service.http.post_json(
        "/api/webhooks", {"url": URL, "kinds": ["import.finished"], "description": "chat"}
    )
    created = answer.json
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    assert created["secret"].startswith("whsec_")
    shown = service.http.get(answer.headers["Location"]).json
    assert shown == {name: value for name, value in created.items() if name != "secret"}
    assert service.http.get("/api/webhooks").json == [shown]
    assert (shown["url"], shown["kinds"], shown["enabled"]) == (URL, ["import.finished"], True)


def test_it_gets_what_happens_from_now_on(service: Service) -> None:
    service.import_csv(CSV)
    (event,) = service.http.get("/api/events").json
    assert _create(service)["after"] == event["id"]
    assert _create(service, after=0)["after"] == 0


def test_two_have_different_secrets(service: Service) -> None:
    assert _create(service)["secret"] != _create(service)["secret"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"),
        ({"url": 1}, "url"),
        ({"url": "ftp://example.com"}, "url"),
        ({"url": "https://user:secret@example.com"}, "url"),
        ({"url": "http://localhost:9000"}, "url"),
        ({"url": "http://[::1]/"}, "url"),
        ({"url": "http://169.254.169.254/latest"}, "url"),
        ({"url": URL, "kinds": ["import.done"]}, "kinds.0"),
        ({"url": URL, "kinds": "import.finished"}, "kinds"),
        ({"url": URL, "after": -1}, "after"),
        ({"url": URL, "after": "1"}, "after"),
        ({"url": URL, "secret": "whsec_x"}, "secret"),
        ({"url": URL, "description": "x" * 2001}, "description"),
    ],
)
def test_what_is_wrong_is_named(service: Service, body: dict[str, Any], field: str) -> None:
    found = problem(service.http.post_json("/api/webhooks", body, status=422))
    assert found["code"] == "invalid_webhook"
    assert [error["field"] for error in found["errors"]] == [field]
    assert "user:secret" not in found["detail"]
    assert service.http.get("/api/webhooks").json == []


@pytest.mark.parametrize("body", ["[]", "1", '{"url": "a", "url": "b"}'])
def test_what_is_no_object_is_refused(service: Service, body: str) -> None:
    answer = service.post("/api/webhooks", body, {"Content-Type": "application/json"}, status=422)
    assert problem(answer)["code"] == "invalid_webhook"


def test_what_is_no_json_is_refused(service: Service) -> None:
    answer = service.post("/api/webhooks", "{", {"Content-Type": "application/json"}, status=400)
    assert problem(answer)["code"] == "malformed_body"


def test_private_addresses_are_a_matter_of_a_setting(start_service: StartService) -> None:
    service = start_service(webhook_private=True)
    assert _create(service, url="http://127.0.0.1:9000/")["url"] == "http://127.0.0.1:9000/"


@pytest.mark.parametrize(
    "change",
    [
        {"url": "https://example.org/"},
        {"kinds": ["import.stalled"]},
        {"description": "other"},
        {"description": None},
        {"after": 7},
        {"enabled": False},
        {},
    ],
)
def test_a_member_is_changed_and_the_others_stay(service: Service, change: dict[str, Any]) -> None:
    before = _create(service, description="chat")
    before.pop("secret")
    changed = service.http.patch_json(f"/api/webhooks/{before['webhook_id']}", change).json
    assert changed == before | change
    assert service.http.get(f"/api/webhooks/{before['webhook_id']}").json == changed


@pytest.mark.parametrize(
    "change", [{"url": "http://127.0.0.1/"}, {"enabled": "no"}, {"enabled": None}, {"secret": "x"}]
)
def test_a_wrong_change_changes_nothing(service: Service, change: dict[str, Any]) -> None:
    before = _create(service)
    before.pop("secret")
    answer = service.http.patch_json(f"/api/webhooks/{before['webhook_id']}", change, status=422)
    assert problem(answer)["code"] == "invalid_webhook"
    assert service.http.get(f"/api/webhooks/{before['webhook_id']}").json == before


def test_a_deleted_webhook_is_gone_with_its_attempts(service: Service) -> None:
    webhook = _create(service)
    add_attempt(service, webhook["webhook_id"], 1)
    path = f"/api/webhooks/{webhook['webhook_id']}"
    assert service.http.delete(path, status=204).body == b""
    assert service.refusal(path, 404)["code"] == "webhook_not_found"
    assert service.refusal(f"{path}/attempts", 404)["code"] == "webhook_not_found"
    service.http.delete(path, status=404)
    database = service.services.registry.database
    with database.connection_context():
        assert WebhookAttempt.select().bind(database).count() == 0


def test_attempts_come_newest_first_in_pages(service: Service) -> None:
    service.import_csv(CSV)
    (event,) = service.http.get("/api/events").json
    webhook, other = _create(service), _create(service)
    for number in range(5):
        add_attempt(service, webhook["webhook_id"], event["id"] if number == 4 else number)
    add_attempt(service, other["webhook_id"], 1)
    path = f"/api/webhooks/{webhook['webhook_id']}/attempts"
    attempts = service.http.get(path).json
    assert [one["event_id"] for one in attempts] == [event["id"], 3, 2, 1, 0]
    assert attempts[0] == {
        "id": attempts[0]["id"],
        "event_id": event["id"],
        "kind": "import.finished",
        "outcome": "failed",
        "replay": False,
        "started_at": "2025-07-29T12:00:00.000000Z",
        "milliseconds": 12,
        "http_status": 500,
        "error": "http_status",
    }
    assert attempts[1]["kind"] is None
    for limit in (1, 2, 5):
        assert service.walk(f"{path}?limit={limit}") == attempts
    link = next_page(service.http.get(f"{path}?limit=1"))
    assert service.refusal(f"{link}&outcome=failed")["code"] == "invalid_cursor"


@pytest.mark.parametrize(
    ("query", "count"),
    [("outcome=failed", 2), ("outcome=delivered", 1), ("event_id=1", 1), ("event_id=9", 0)],
)
def test_attempts_are_filtered(service: Service, query: str, count: int) -> None:
    webhook = _create(service)
    for event_id, outcome in ((1, "failed"), (2, "failed"), (2, "delivered")):
        add_attempt(service, webhook["webhook_id"], event_id, outcome)
    assert (
        len(service.http.get(f"/api/webhooks/{webhook['webhook_id']}/attempts?{query}").json)
        == count
    )


def test_a_replay_waits_for_a_worker(service: Service) -> None:
    service.import_csv(CSV)
    (event,) = service.http.get("/api/events").json
    webhook = _create(service)
    add_attempt(service, webhook["webhook_id"], event["id"])
    path = f"/api/webhooks/{webhook['webhook_id']}/attempts"
    (attempt,) = service.http.get(path).json
    waiting = service.http.post(f"{path}/{attempt['id']}/replay", status=202).json
    assert (waiting["outcome"], waiting["replay"], waiting["event_id"]) == (
        "waiting",
        True,
        event["id"],
    )
    assert service.http.get(f"{path}?outcome=waiting").json == [waiting]
    for unknown in ("999", "x", "9" * 60):
        answer = service.http.post(f"{path}/{unknown}/replay", status=404)
        assert problem(answer)["code"] == "attempt_not_found"


def test_what_can_not_be_replayed_is_refused(service: Service) -> None:
    webhook = _create(service)
    add_attempt(service, webhook["webhook_id"], 1)
    path = f"/api/webhooks/{webhook['webhook_id']}"
    (attempt,) = service.http.get(f"{path}/attempts").json
    replay = f"{path}/attempts/{attempt['id']}/replay"
    assert problem(service.http.post(replay, status=410))["code"] == "event_not_kept"
    service.http.patch_json(path, {"enabled": False})
    assert problem(service.http.post(replay, status=409))["code"] == "webhook_disabled"


def test_the_list_can_be_had_as_csv(service: Service) -> None:
    webhook = _create(service)
    text = service.http.get("/api/webhooks?format=csv").text
    assert webhook["webhook_id"] in text
    assert webhook["secret"] not in text
    assert "secret" not in text


def test_attempts_can_be_had_as_parquet_with_types(service: Service) -> None:
    webhook = _create(service)
    add_attempt(service, webhook["webhook_id"], outcome="failed")
    path = f"/api/webhooks/{webhook['webhook_id']}/attempts"
    (attempt,) = service.http.get(path).json
    (row,) = pq.read_table(BytesIO(service.http.get(f"{path}?format=parquet").body)).to_pylist()
    assert (row["http_status"], row["replay"]) == (500, attempt["replay"])
    assert row["started_at"].strftime("%Y-%m-%dT%H:%M:%S.%fZ") == attempt["started_at"]
    assert row["error"] == attempt["error"]
