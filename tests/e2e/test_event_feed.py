"""The event feed of real processes, across kills and takeovers, on SQLite and on PostgreSQL."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event
from typing import Any

import pytest

from glyphd.db.connections import close_all, open_registry
from glyphd.db.registry_models import Job
from glyphd.importing.registry import Registry
from glyphd.settings import Settings
from tests.e2e.processes import (
    environment_of,
    final_status,
    get,
    many_offers,
    serving,
    until,
    upload,
    working,
)
from tests.importing.jobs import from_now

IMPORTS = 12
KILLS = 4
ROWS = 3000


@pytest.fixture
def environment(database_settings: Settings) -> dict[str, str]:
    """The environment of processes that share one fresh service, once on each database."""
    return environment_of(database_settings)


@pytest.fixture
def registry(database_settings: Settings) -> Iterator[Registry]:
    found = Registry(open_registry(database_settings))
    yield found
    close_all(found.database)


def _follow(address: str, is_over: Event) -> list[dict[str, Any]]:
    """The events of a reader that repeatedly asks for the next ones until there are no more."""
    found: list[dict[str, Any]] = []
    while True:
        was_over = is_over.is_set()
        after = found[-1]["id"] if found else 0
        events = get(address, f"/api/events?after={after}&limit=3&wait={0 if was_over else 1}")
        found += events
        if was_over and not events:
            return found


def _await_events(address: str, count: int) -> None:
    until(lambda: len(get(address, "/api/events")) >= count)


def test_each_import_says_once_that_it_ended_however_often_workers_die(
    environment: dict[str, str],
) -> None:
    is_over = Event()
    with ExitStack() as stack:
        api = stack.enter_context(serving("--no-worker", environment=environment))
        reader = stack.enter_context(ThreadPoolExecutor(1)).submit(_follow, api.address, is_over)
        stack.callback(is_over.set)
        ids = [
            upload(api.address, many_offers(ROWS, 1000.0 + number), Prefer="respond-async")
            for number in range(IMPORTS)
        ]
        for number in range(KILLS):
            with working(environment=environment) as first, working(environment=environment):
                _await_events(api.address, number * IMPORTS // (KILLS + 1))
                first.kill()
        with working(environment=environment):
            statuses = [final_status(api.address, one["import_id"]) for one in ids]
        is_over.set()
        followed = reader.result()
        assert followed == get(api.address, "/api/events?limit=1000")
    finished = [event for event in followed if event["kind"] == "import.finished"]
    assert Counter(event["data"]["import_id"] for event in finished) == Counter(
        status["import_id"] for status in statuses
    )
    assert {event["data"]["import_id"]: event["occurred_at"] for event in finished} == {
        status["import_id"]: status["finished_at"] for status in statuses
    }


def test_an_import_whose_only_worker_died_is_reported_by_the_api(
    environment: dict[str, str], registry: Registry
) -> None:
    with serving("--no-worker", environment=environment) as api:
        import_id = upload(api.address, many_offers(15_000))["import_id"]
        with working(environment=environment) as worker:
            until(lambda: get(api.address, f"/api/imports/{import_id}")["status"] == "running")
            worker.kill()
        with registry.connected():
            silent = Job.update(heartbeat_at=from_now(-60)).where(Job.import_id == import_id)
            registry.database.execute(silent)
        (event,) = get(api.address, "/api/events?wait=60")
        assert (event["kind"], event["data"]["import_id"]) == ("import.stalled", import_id)
        with working(environment=environment):
            final_status(api.address, import_id)
        kinds = [event["kind"] for event in get(api.address, "/api/events")]
        assert kinds == ["import.stalled", "import.finished"]
