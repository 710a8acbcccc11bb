"""`GET /api/events`: the event feed, in order, starting after any event."""

import csv
import io
import json
import time
from threading import Event, Thread, Timer
from typing import Any

import pytest

from glyphd.api.waiting import Waiting
from glyphd.contracts.event_contracts import EventKind
from glyphd.db.event_models import EventFeed
from tests.service import Service, next_page, offers, problem

CSV = offers("RTX_A6000,4500,0.9,USA,Acme,2025-07-29T12:00:00Z")
BAD = offers("RTX_A6000,$,0.9,USA,Acme,2025-07-29T12:00:00Z")


@pytest.fixture(scope="module")
def imports(shared_service: Service) -> list[str]:
    """The imports of the events, oldest first: an import, a failed one, a rollback and a
    restore."""
    service = shared_service
    good = service.import_csv(CSV, "?source=ebay")["import_id"]
    bad = service.import_csv(BAD)["import_id"]
    for kind in ("rollback", "restore"):
        service.http.post(f"/api/imports/{good}/{kind}?reason=why")
        service.work()
    return [good, bad, good, good]


def _events(service: Service, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = service.http.get(f"/api/events{query}").json
    return found


def test_the_oldest_comes_first(shared_service: Service, imports: list[str]) -> None:
    events = _events(shared_service)
    assert [event["data"]["import_id"] for event in events] == imports
    assert [event["kind"] for event in events] == [
        "import.finished",
        "import.finished",
        "import.rolled_back",
        "import.restored",
    ]
    assert sorted(event["id"] for event in events) == [event["id"] for event in events]


def test_an_event_says_what_the_status_said(shared_service: Service, imports: list[str]) -> None:
    for import_id, event in zip(imports[:2], _events(shared_service), strict=False):
        status, data = shared_service.status(import_id), event["data"]
        same = data.keys() & status.keys() - {"warnings"}
        assert {name: data[name] for name in same} == {name: status[name] for name in same}
        assert event["occurred_at"] == status["finished_at"]
        assert data["warnings"] == [warning["code"] for warning in status["warnings"]]
        assert same | {"warnings"} == data.keys()


def test_a_cancelled_import_has_ended_too(service: Service) -> None:
    import_id = service.upload(CSV).json["import_id"]
    service.http.post(f"/api/imports/{import_id}/cancel")
    (event,) = _events(service)
    assert (event["kind"], event["data"]["status"]) == ("import.finished", "cancelled")


def test_it_is_resumed_after_any_event(shared_service: Service, imports: list[str]) -> None:
    events = _events(shared_service)
    for number, event in enumerate(events, start=1):
        assert _events(shared_service, f"?after={event['id']}") == events[number:]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
def test_walking_the_pages_gives_every_event_once(
    shared_service: Service, imports: list[str], limit: int
) -> None:
    assert shared_service.walk(f"/api/events?limit={limit}") == _events(shared_service)


def test_a_page_links_to_what_follows_its_last_event(
    shared_service: Service, imports: list[str]
) -> None:
    page = shared_service.http.get("/api/events?after=0&limit=2")
    assert next_page(page) == f"/api/events?limit=2&after={page.json[-1]['id']}"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("kind=import.finished", [0, 1]),
        ("kind=import.restored", [3]),
        ("kind=import.restored&kind=import.rolled_back", [2, 3]),
        ("kind=import.stalled", []),
        ("kind=", [0, 1, 2, 3]),
        ("after=", [0, 1, 2, 3]),
        ("after=9000000000000000000", []),
    ],
)
def test_filters(shared_service: Service, imports: list[str], query: str, found: list[int]) -> None:
    events = _events(shared_service)
    assert _events(shared_service, f"?{query}") == [events[at] for at in found]


@pytest.mark.parametrize(
    ("query", "code", "parameter"),
    [
        ("after=x", "invalid_parameter", "after"),
        ("after=-1", "invalid_parameter", "after"),
        ("after=1&after=2", "invalid_parameter", "after"),
        ("kind=import", "invalid_parameter", "kind"),
        ("wait=61", "invalid_parameter", "wait"),
        ("limit=0", "invalid_parameter", "limit"),
        ("cursor=x", "unknown_parameter", "cursor"),
        ("since=1", "unknown_parameter", "since"),
    ],
)
def test_what_it_does_not_know_is_refused(
    service: Service, query: str, code: str, parameter: str
) -> None:
    found = service.refusal(f"/api/events?{query}")
    assert (found["code"], found["parameter"]) == (code, parameter)


def test_an_unknown_kind_is_answered_with_those_that_exist(service: Service) -> None:
    found = service.refusal("/api/events?kind=import.done")
    assert found["allowed"] == [str(kind) for kind in EventKind]


def test_it_can_be_had_as_csv_and_as_lines(shared_service: Service, imports: list[str]) -> None:
    events = _events(shared_service)
    text = shared_service.http.get("/api/events?format=csv").text
    rows = [row | {"data": json.loads(row["data"])} for row in csv.DictReader(io.StringIO(text))]
    assert rows == [event | {"id": str(event["id"])} for event in events]
    lines = shared_service.http.get("/api/events?format=ndjson").text.splitlines()
    assert [json.loads(line) for line in lines] == events


def test_nothing_new_is_304(shared_service: Service, imports: list[str]) -> None:
    tag = shared_service.http.get("/api/events").headers["ETag"]
    shared_service.http.get("/api/events", headers={"If-None-Match": tag}, status=304)


def test_the_answer_waits_for_an_event(service: Service) -> None:
    service.import_csv(CSV)
    (before,) = _events(service)
    service.upload(CSV)
    worker = Timer(0.1, service.work)
    worker.start()
    (event,) = _events(service, f"?after={before['id']}&wait=60")
    worker.join()
    assert event["kind"] == "import.finished"


def test_an_event_of_another_kind_does_not_end_the_wait(service: Service) -> None:
    service.upload(CSV)
    worker = Timer(0.1, service.work)
    worker.start()
    began = time.monotonic()
    assert _events(service, "?kind=import.stalled&wait=1") == []
    assert time.monotonic() - began >= 1
    worker.join()


def test_an_event_that_is_there_is_answered_at_once(
    shared_service: Service, imports: list[str]
) -> None:
    assert len(_events(shared_service, "?wait=60")) == 4


def test_half_of_the_threads_wait_at_most(service: Service) -> None:
    waiting = Waiting(service.services.registry, threads=2)
    is_held, may_end = Event(), Event()

    def look() -> bool:
        is_held.set()
        return may_end.is_set()

    holder = Thread(target=waiting.until_found, args=(look, 60))
    holder.start()
    assert is_held.wait(60)
    assert waiting.until_found(list, 60) == []
    may_end.set()
    holder.join()


def test_who_missed_events_is_told(service: Service) -> None:
    service.import_csv(CSV)
    database = service.services.registry.database
    with database.connection_context():
        database.execute(EventFeed.update(pruned_event_id=500))
    found = problem(service.http.get("/api/events?after=499", status=410))
    assert (found["code"], found["pruned"]) == ("events_pruned", 500)
    assert len(_events(service, "?after=500")) == len(_events(service)) == 1
