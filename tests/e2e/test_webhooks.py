"""Webhooks in real processes: the receiver from the manual, and workers that are killed."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from glyphd.settings import Settings
from tests.e2e.processes import (
    PATIENCE_SECONDS,
    environment_of,
    final_status,
    get,
    many_offers,
    serving,
    until,
    upload,
    working,
)
from tests.events.receivers import Receiver, Reply, Request as Received, receiving
from tests.server_process import free_port

PAGE = Path(__file__).parents[2] / "docs" / "WEBHOOKS.md"
PRIVATE = {"GLYPHD_WEBHOOK_PRIVATE": "true"}
IMPORTS = 30
KILLS = 3
SHORT_LEASES = """
from glyphd.cli import main
from worker import webhook_leases
webhook_leases.LEASE_SECONDS = 5.0
main()
"""
HASTY = (sys.executable, "-P", "-c", SHORT_LEASES)
"""Runs `glyphd` with workers that take over from a killed one after 5 seconds instead of 45."""


@pytest.fixture
def environment(database_settings: Settings) -> dict[str, str]:
    """The environment of processes that share one fresh service, once on each database."""
    return environment_of(database_settings) | PRIVATE


@pytest.fixture
def on_sqlite(sqlite_settings: Settings) -> dict[str, str]:
    """The same on SQLite, for what does not depend on the database."""
    return environment_of(sqlite_settings) | PRIVATE


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def _add_webhook(address: str, url: str) -> dict[str, Any]:
    request = Request(
        f"{address}/api/webhooks",
        json.dumps({"url": url}).encode(),
        {"Content-Type": "application/json"},
    )
    with urlopen(request, timeout=PATIENCE_SECONDS) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def test_the_receiver_of_the_manual_gets_what_happens(on_sqlite: dict[str, str]) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
    port = free_port()
    with serving(environment=on_sqlite) as api:
        webhook = _add_webhook(api.address, f"http://localhost:{port}/")
        receiver = subprocess.Popen(
            [sys.executable, "-c", code],
            env={"SECRET": webhook["secret"], "PORT": str(port)},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            import_id = upload(api.address, many_offers(3))["import_id"]
            assert receiver.stdout is not None
            line = receiver.stdout.readline().split()
            (event,) = get(api.address, "/api/events")
            path = f"/api/webhooks/{webhook['webhook_id']}"
            until(lambda: get(api.address, path)["after"] == event["id"])
        finally:
            receiver.kill()
            receiver.communicate()
        assert line == [str(event["id"]), "import.finished", import_id]
        assert get(api.address, f"{path}/attempts?outcome=delivered")[0]["http_status"] == 204


def test_every_event_arrives_in_order_although_workers_are_killed(
    environment: dict[str, str], receiver: Receiver
) -> None:
    with serving("--no-worker", environment=environment) as api:
        webhook = _add_webhook(api.address, receiver.url)
        ids = [
            upload(api.address, many_offers(2, 1000.0 + n), Prefer="respond-async")["import_id"]
            for n in range(IMPORTS)
        ]
        for number in range(1, KILLS + 1):
            _kill_while_delivering(environment, receiver, number * IMPORTS // (KILLS + 2))
        with working(environment=environment, command=HASTY):
            for import_id in ids:
                final_status(api.address, import_id)
            events = [event["id"] for event in get(api.address, "/api/events?limit=1000")]
            path = f"/api/webhooks/{webhook['webhook_id']}"
            until(lambda: get(api.address, path)["after"] == events[-1])
    assert list(dict.fromkeys(receiver.accepted)) == events
    assert set(receiver.accepted) == set(events)


def _kill_while_delivering(environment: dict[str, str], receiver: Receiver, accepted: int) -> None:
    hasty = partial(working, environment=environment, command=HASTY)
    with hasty() as first, hasty():
        until(lambda: len(set(receiver.accepted)) >= accepted)
        first.kill()


def test_a_receiver_that_hangs_does_not_hold_up_the_stop_of_a_worker(
    on_sqlite: dict[str, str], receiver: Receiver
) -> None:
    def hang(request: Received) -> Reply:
        receiver.is_over.wait(30)
        return Reply()

    receiver.answer = hang
    with serving("--no-worker", environment=on_sqlite) as api:
        _add_webhook(api.address, receiver.url)
        upload(api.address, many_offers(2), Prefer="respond-async")
        with working(environment=on_sqlite) as worker:
            until(receiver.is_asked.is_set)
            assert worker.stop() == 0
        (webhook,) = get(api.address, "/api/webhooks")
        assert webhook["failures"] == 0
