"""Webhooks: how fast 20 000 events are delivered, and what that costs imports at the same time."""

import json
import os
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from statistics import median
from typing import Any

from bench.companions import companion
from bench.plan import Plan
from bench.samples import Result, at_most, per_second, seconds
from bench.service import Running, running_service

EVENTS = 20_000
LARGE_ROWS = 100_000
SMALL_ROWS = 100
SMALL_IMPORTS = 20
ROUNDS = 5
DELIVERY_SECONDS = 600
COPIES = """
    WITH RECURSIVE more(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM more WHERE n < ?)
    INSERT INTO events (id, kind, occurred_at, job_id, attempt, data)
    SELECT id + n, kind, occurred_at, job_id, attempt + n, data
    FROM more, (SELECT * FROM events ORDER BY id LIMIT 1)"""


def measure(plan: Plan) -> list[Result]:
    large, small = plan.offers(LARGE_ROWS), plan.offers(SMALL_ROWS)
    beside: list[float] = []
    alone: list[float] = []
    small_beside: list[float] = []
    small_alone: list[float] = []
    rates: list[float] = []
    with _prepared(plan) as (service, webhook):
        for number in plan.rounds(ROUNDS):
            # They take turns in going first, because the archive grows with every import.
            for is_beside in (False, True) if number % 2 else (True, False):
                if is_beside:
                    webhook.begin_again()
                (beside if is_beside else alone).append(service.take_in(large).reported_seconds)
                (small_beside if is_beside else small_alone).append(_small(plan, service, small))
                rates += [webhook.rate()] if is_beside else []
    return [
        Result(
            "large import while events are delivered",
            seconds(beside),
            "alone",
            seconds(alone),
            at_most(1.1),
        ),
        Result(
            "small imports, one after another",
            seconds(small_beside),
            "alone",
            seconds(small_alone),
            at_most(1.1),
        ),
        Result(
            "delivery without an import",
            per_second(rates, "events"),
            "100 a second",
            per_second([100.0] * len(rates), "events"),
        ),
    ]


@dataclass
class _Webhook:
    """A webhook that can be made to receive all events again."""

    service: Running
    path: str
    first: int

    def begin_again(self) -> None:
        _call(self.service, "PATCH", self.path, {"after": self.first})

    def rate(self) -> float:
        """Events per second when all are sent again, with no import at the same time."""
        self.begin_again()
        with _registry(self.service) as registry:
            query = "SELECT COUNT(*), MAX(id) FROM events WHERE id > ?"
            count, last = registry.execute(query, (self.first,)).fetchone()
        began = time.perf_counter()
        while _call(self.service, "GET", self.path)["after"] < last:
            assert time.perf_counter() - began < DELIVERY_SECONDS, "not all were delivered"
            time.sleep(0.1)
        return float(count / (time.perf_counter() - began))


@contextmanager
def _prepared(plan: Plan) -> Iterator[tuple[Running, _Webhook]]:
    """A service with many events, and a webhook whose receiver is running."""
    os.environ["GLYPHD_WEBHOOK_PRIVATE"] = "true"
    port = _free_port()
    with (
        plan.market(LARGE_ROWS) as folder,
        companion("bench.webhook_receiver", str(port)),
        running_service(folder) as service,
    ):
        service.take_in(plan.offers(SMALL_ROWS))
        with _registry(service) as registry, registry:
            (first,) = registry.execute("SELECT MIN(id) FROM events").fetchone()
            registry.execute(COPIES, (plan.size(EVENTS, least=100),))
        url = f"http://127.0.0.1:{port}/"
        created = _call(service, "POST", "/api/webhooks", {"url": url})
        yield service, _Webhook(service, f"/api/webhooks/{created['webhook_id']}", int(first))


def _small(plan: Plan, service: Running, path: Any) -> float:
    """The median time of a small import, in seconds."""
    count = plan.size(SMALL_IMPORTS, least=5)
    return median(service.take_in(path).reported_seconds for _ in range(count))


@contextmanager
def _registry(service: Running) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(service.folder / "gpu.registry.sqlite", timeout=30)) as found:
        yield found


def _call(service: Running, method: str, path: str, body: Any = None) -> dict[str, Any]:
    connection = HTTPConnection("127.0.0.1", service.port, timeout=60)
    with closing(connection):
        headers = {"Content-Type": "application/json"} if body is not None else {}
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        found: dict[str, Any] = json.loads(answer.read())
        assert answer.status < 300, found
        return found


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
