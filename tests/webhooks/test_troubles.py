"""Many events for a receiver with every kind of trouble."""

import time
from datetime import timedelta
from typing import Any

from glyphd.db.event_models import EventFeed, FeedEvent
from glyphd.events.webhook_targets import Address, is_public
from glyphd.importing.registry import Registry
from tests.events.feeds import finished_import
from tests.events.receivers import (
    Deliverer,
    Receiver,
    Reply,
    Request,
    TestClock,
    is_signed,
)
from tests.webhooks.records import Webhooks, event_ids
from worker.webhook_sending import Manners

MANY = 20_000


def _add_events(registry: Registry, count: int) -> list[int]:
    """Adds this many events at once."""
    finished_import(registry)
    (first,) = event_ids(registry)
    with registry.connected(), registry.database.atomic():
        row: dict[str, Any] = next(iter(FeedEvent.select().dicts().bind(registry.database)))
        rows = [row | {"id": first + n, "attempt": n + 1} for n in range(1, count)]
        for at in range(0, len(rows), 1000):
            registry.database.execute(FeedEvent.insert_many(rows[at : at + 1000]))
        registry.database.execute(EventFeed.update(last_event_id=first + count))
    return event_ids(registry)


FORBIDDEN = "169.254.169.254"


class Troubled:
    """A receiver that has each trouble once, at events spread over all of them."""

    def __init__(self, clock: TestClock, ids: list[int]) -> None:
        self.addresses = ["127.0.0.1"]
        self._clock = clock
        self._dead_until = clock.now
        kinds = (self._fail, self._stall, self._redirect, self._leave, self._move, self._die)
        self.left = {
            ids[number * len(ids) // 8]: kind for number, kind in enumerate(kinds, start=1)
        }

    def answer(self, request: Request) -> Reply:
        if self._clock.now < self._dead_until:
            return Reply(503)
        kind = self.left.pop(request.event_id, None)
        return Reply() if kind is None else kind()

    def _fail(self) -> Reply:
        return Reply(429, {"Retry-After": "120"})

    def _stall(self) -> Reply:
        time.sleep(1)
        return Reply(500)

    def _redirect(self) -> Reply:
        return Reply(307, {"Location": f"http://{FORBIDDEN}/"})

    def _leave(self) -> Reply:
        return Reply(410)

    def _move(self) -> Reply:
        self.addresses = [FORBIDDEN]
        return Reply(500, {"Connection": "close"})

    def _die(self) -> Reply:
        self._dead_until = self._clock.now + timedelta(hours=1)
        return Reply(503)


def test_twenty_thousand_events_to_a_troubled_receiver_are_delivered_in_order(
    sqlite_registry: Registry, webhooks: Webhooks, clock: TestClock, receiver: Receiver
) -> None:
    """It fails, stalls, redirects, answers 410, resolves to a private address, and is down for an
    hour."""
    port = receiver.url.split(":")[2].split("/")[0]
    webhook = webhooks.add(f"http://receiver.example:{port}/hook", after=0)
    ids = _add_events(sqlite_registry, MANY)
    troubled = Troubled(clock, ids)
    receiver.answer = troubled.answer
    connecting: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        connecting.append(troubled.addresses[0])
        return troubled.addresses

    def is_allowed(address: Address) -> bool:
        return address.is_loopback or is_public(address)  # the receiver is on this machine

    manners = Manners(is_allowed, exchange_seconds=0.5, resolve=resolve)
    delivery = Deliverer(sqlite_registry, manners, clock)
    for _ in range(200):
        delivery.run()
        found = webhooks.find(webhook)
        if found.delivered_event_id == ids[-1]:
            break
        if found.last_error == "forbidden_address":
            troubled.addresses = ["127.0.0.1"]
        if found.disabled_reason == "gone":
            webhooks.change(webhook, enabled=True)
        clock.move(seconds=130)
    delivery.watch.stop()
    assert not troubled.left
    assert receiver.accepted == ids
    assert all(is_signed(request, webhook.secret) for request in receiver.requests[::500])
    failed = {one["error"] for one in webhooks.attempts(webhook) if one["outcome"] == "failed"}
    assert failed == {"http_status", "timeout", "redirect", "forbidden_address"}
    assert FORBIDDEN in connecting
