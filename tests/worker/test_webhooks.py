"""Delivery to webhooks: signed, in order, at least once, and never to a forbidden address."""

import ssl
import time
from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook as Verifier

from glyphd.contracts.webhooks import AttemptQuery, WebhookBody, WebhookChange
from glyphd.db.event_models import EventFeed, FeedEvent
from glyphd.events.feed import kept_events
from glyphd.events.webhook_records import WebhookRecords
from glyphd.events.webhook_retries import GIVE_UP_AFTER
from glyphd.events.webhook_targets import Address, any_address, is_public
from glyphd.importing.registry import Registry
from glyphd.times import read_stored
from tests.events.feeds import finished_import
from tests.events.receivers import (
    Deliverer,
    Receiver,
    Reply,
    Request,
    TestClock,
    is_signed,
    receiving,
)
from tests.importing.conftest import registry, sqlite_registry
from worker.webhook_leases import LEASE_SECONDS, LeaseLost, Progress
from worker.webhook_sending import Manners

__all__ = ["registry", "sqlite_registry"]

PRIVATE = Manners(any_address, exchange_seconds=0.5)
TLS = Path(__file__).parents[1] / "data" / "tls"
MANY = 20_000


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
def delivery(sqlite_registry: Registry, clock: TestClock) -> Iterator[Deliverer]:
    found = Deliverer(sqlite_registry, PRIVATE, clock)
    found.watch.start()
    yield found
    found.watch.stop()


class Webhooks:
    """The webhooks of a registry, as the API sees them."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._records = WebhookRecords(registry.database, allows_private=True)

    def add(self, url: str, **members: Any) -> Any:
        with self._registry.connected():
            return self._records.create(WebhookBody(url=url, **members))

    def find(self, webhook: Any) -> Any:
        with self._registry.connected():
            return self._records.find(webhook.id)

    def change(self, webhook: Any, **members: Any) -> None:
        with self._registry.connected():
            self._records.change(webhook.id, WebhookChange(**members))

    def replay(self, webhook: Any, attempt: int) -> dict[str, Any]:
        with self._registry.connected():
            return self._records.replay(webhook.id, str(attempt))

    def attempts(self, webhook: Any) -> list[dict[str, Any]]:
        """Oldest first."""
        with self._registry.connected():
            asked = AttemptQuery()
            found = self._records.attempts(webhook.id, asked, before=None, limit=10**6)
        return found[::-1]


@pytest.fixture
def webhooks(sqlite_registry: Registry) -> Webhooks:
    return Webhooks(sqlite_registry)


def _ids(registry: Registry) -> list[int]:
    with registry.connected():
        return [event[0] for event in kept_events(registry.database, 0, [], limit=10**6)]


def test_a_request_is_what_a_receivers_library_verifies(
    registry: Registry, clock: TestClock, receiver: Receiver
) -> None:
    webhook = Webhooks(registry).add(receiver.url)
    job = finished_import(registry, source="ebay")
    Deliverer(registry, PRIVATE, clock).run()
    (request,) = receiver.requests
    content = Verifier(webhook.secret).verify(request.body, request.headers)
    assert (content["type"], content["data"]["import_id"]) == ("import.finished", job.import_id)
    assert content["id"] == request.event_id == _ids(registry)[0]
    assert request.headers["content-type"] == "application/json"
    assert Webhooks(registry).find(webhook).delivered_event_id == request.event_id


def test_nothing_is_sent_twice_when_all_is_delivered(
    sqlite_registry: Registry, webhooks: Webhooks, delivery: Deliverer, receiver: Receiver
) -> None:
    webhooks.add(receiver.url)
    for _ in range(3):
        finished_import(sqlite_registry)
    assert (delivery.run(), delivery.run()) == (1, 0)
    assert receiver.accepted == _ids(sqlite_registry)
    assert len({request.connection for request in receiver.requests}) == 1


def test_it_begins_after_the_event_that_was_the_latest(
    sqlite_registry: Registry, webhooks: Webhooks, delivery: Deliverer, receiver: Receiver
) -> None:
    finished_import(sqlite_registry)
    webhooks.add(receiver.url)
    finished_import(sqlite_registry)
    delivery.run()
    assert receiver.accepted == _ids(sqlite_registry)[1:]


def test_it_may_begin_earlier_and_with_some_kinds(
    sqlite_registry: Registry, webhooks: Webhooks, delivery: Deliverer, receiver: Receiver
) -> None:
    finished_import(sqlite_registry)
    webhooks.add(receiver.url, after=0, kinds=["import.stalled"])
    assert delivery.run() == 0
    webhooks.add(receiver.url, after=0, kinds=["import.finished"])
    delivery.run()
    assert receiver.accepted == _ids(sqlite_registry)


@pytest.mark.parametrize("status", [301, 302, 400, 404, 429, 500, 503])
def test_a_failure_is_tried_again_later_and_what_follows_waits(
    sqlite_registry: Registry,
    webhooks: Webhooks,
    delivery: Deliverer,
    receiver: Receiver,
    status: int,
) -> None:
    webhook = webhooks.add(receiver.url)
    for _ in range(2):
        finished_import(sqlite_registry)
    receiver.answer = lambda request: Reply(status, {"Location": receiver.url})
    assert (delivery.run(), delivery.run(), len(receiver.requests)) == (1, 0, 1)
    found = webhooks.find(webhook)
    assert (found.failure_count, found.is_enabled) == (1, True)
    receiver.answer = lambda request: Reply()
    delivery.clock.move(seconds=10)
    delivery.run()
    assert receiver.accepted == _ids(sqlite_registry)
    found = webhooks.find(webhook)
    assert (found.failure_count, found.failing_since, found.last_error) == (0, None, None)


def test_delays_double_up_to_an_hour_and_end_after_three_days(
    sqlite_registry: Registry, webhooks: Webhooks, delivery: Deliverer, receiver: Receiver
) -> None:
    webhook = webhooks.add(receiver.url)
    finished_import(sqlite_registry)
    receiver.answer = lambda request: Reply(500)
    began = delivery.clock.now
    moments = []
    while webhooks.find(webhook).is_enabled:
        moments.append(delivery.clock.now)
        assert delivery.run() == 1
        found = webhooks.find(webhook)
        if found.next_attempt_at:
            delivery.clock.now = read_stored(found.next_attempt_at)
    delays = [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]
    for number, delay in enumerate(delays[:-1]):
        expected = min(5 * 2**number, 3600)
        assert 0.75 * expected <= delay <= 1.25 * expected
    assert moments[-1] - began == GIVE_UP_AFTER
    assert found.disabled_reason == "failing"
    assert len({round(delay) for delay in delays[10:-1]}) > 10, "no jitter"


def test_a_disabled_webhook_goes_on_where_it_stopped_once_it_is_enabled(
    sqlite_registry: Registry, webhooks: Webhooks, delivery: Deliverer, receiver: Receiver
) -> None:
    webhook = webhooks.add(receiver.url)
    finished_import(sqlite_registry)
    receiver.answer = lambda request: Reply(410)
    delivery.run()
    found = webhooks.find(webhook)
    assert (found.is_enabled, found.disabled_reason) == (False, "gone")
    finished_import(sqlite_registry)
    assert delivery.run() == 0
    receiver.answer = lambda request: Reply()
    webhooks.change(webhook, enabled=True)
    delivery.run()
    assert receiver.accepted == _ids(sqlite_registry)


@pytest.mark.parametrize("as_date", [False, True])
def test_a_retry_after_is_honoured(
    sqlite_registry: Registry,
    webhooks: Webhooks,
    delivery: Deliverer,
    receiver: Receiver,
    as_date: bool,
) -> None:
    webhooks.add(receiver.url)
    finished_import(sqlite_registry)
    date = format_datetime(delivery.clock.now + timedelta(seconds=600), usegmt=True)
    receiver.answer = lambda request: Reply(503, {"Retry-After": date if as_date else "600"})
    delivery.run()
    delivery.clock.move(seconds=590)
    assert delivery.run() == 0
    delivery.clock.move(seconds=11)
    assert delivery.run() == 1


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["::1"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["93.184.215.14", "192.168.0.1"],
    ],
)
def test_a_name_of_a_private_address_gets_nothing(
    sqlite_registry: Registry, clock: TestClock, receiver: Receiver, addresses: list[str]
) -> None:
    webhooks = Webhooks(sqlite_registry)
    port = receiver.url.rpartition(":")[2]
    webhook = webhooks.add(f"http://innocent.example:{port}")
    finished_import(sqlite_registry)
    manners = Manners(is_public, resolve=lambda host, port: addresses)
    Deliverer(sqlite_registry, manners, clock).run()
    assert receiver.requests == []
    assert webhooks.find(webhook).last_error == "forbidden_address"
    assert [attempt["error"] for attempt in webhooks.attempts(webhook)] == ["forbidden_address"]


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(
    sqlite_registry: Registry, webhooks: Webhooks, clock: TestClock, receiver: Receiver
) -> None:
    """The name is resolved once, and the receiver reads the name in `Host`."""
    asked = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    port = receiver.url.split(":")[2].split("/")[0]
    webhooks.add(f"http://receiver.example:{port}/a?b=c")
    for _ in range(3):
        finished_import(sqlite_registry)
    Deliverer(sqlite_registry, Manners(any_address, resolve=resolve), clock).run()
    assert asked == ["receiver.example"]
    assert {request.headers["host"] for request in receiver.requests} == {
        f"receiver.example:{port}"
    }
    assert {request.path for request in receiver.requests} == {"/a?b=c"}


@pytest.mark.parametrize("drips", [False, True])
def test_a_receiver_that_stalls_is_given_up(
    sqlite_registry: Registry,
    webhooks: Webhooks,
    delivery: Deliverer,
    receiver: Receiver,
    drips: bool,
) -> None:
    def stall(request: Request) -> Reply:
        if not drips:
            receiver.is_over.wait(30)
        return Reply(drips=drips)

    webhook = webhooks.add(receiver.url)
    finished_import(sqlite_registry)
    receiver.answer = stall
    began = time.monotonic()
    delivery.run()
    assert time.monotonic() - began < 10
    assert webhooks.find(webhook).last_error == "timeout"


def test_a_receiver_that_is_not_there_fails(
    sqlite_registry: Registry, webhooks: Webhooks, delivery: Deliverer
) -> None:
    with receiving() as receiver:
        webhook = webhooks.add(receiver.url)
    finished_import(sqlite_registry)
    delivery.run()
    assert webhooks.find(webhook).last_error == "connection"


def test_the_next_address_of_a_name_is_tried(
    sqlite_registry: Registry, webhooks: Webhooks, clock: TestClock, receiver: Receiver
) -> None:
    webhooks.add(receiver.url)
    finished_import(sqlite_registry)
    manners = Manners(any_address, resolve=lambda *_: ["127.0.0.2", "127.0.0.1"])
    Deliverer(sqlite_registry, manners, clock).run()
    assert receiver.accepted == _ids(sqlite_registry)


def test_an_endless_answer_is_not_read(
    sqlite_registry: Registry, webhooks: Webhooks, delivery: Deliverer, receiver: Receiver
) -> None:
    webhooks.add(receiver.url)
    for _ in range(2):
        finished_import(sqlite_registry)
    receiver.answer = lambda request: Reply(200, {}, bytes(10**6))
    delivery.run()
    assert receiver.accepted == _ids(sqlite_registry)
    assert len({request.connection for request in receiver.requests}) == 2


def test_two_workers_do_not_deliver_to_one_webhook_at_a_time(
    registry: Registry, clock: TestClock, receiver: Receiver
) -> None:
    webhook = Webhooks(registry).add(receiver.url)
    finished_import(registry)
    first, second = (Deliverer(registry, PRIVATE, clock) for _ in range(2))
    lease = first.leases.take(webhook.id)
    assert lease is not None
    assert second.run() == 0
    clock.move(seconds=LEASE_SECONDS - 1)
    first.leases.record(lease, Progress())
    clock.move(seconds=LEASE_SECONDS - 1)
    assert second.run() == 0
    clock.move(seconds=2)
    assert second.run() == 1
    with pytest.raises(LeaseLost):
        first.leases.record(lease, Progress(values={"delivered_event_id": 0}))
    assert receiver.accepted == _ids(registry)


def test_a_change_by_a_client_wins_over_a_delivery_under_way(
    sqlite_registry: Registry, webhooks: Webhooks, delivery: Deliverer, receiver: Receiver
) -> None:
    webhook = webhooks.add(receiver.url)
    finished_import(sqlite_registry)

    def change(request: Any) -> Reply:
        webhooks.change(webhook, after=0, enabled=False)
        return Reply()

    receiver.answer = change
    delivery.run()
    found = webhooks.find(webhook)
    assert (found.delivered_event_id, found.is_enabled, found.lease_owner) == (0, False, None)


def test_a_worker_that_stops_blames_nobody(
    sqlite_registry: Registry, webhooks: Webhooks, delivery: Deliverer, receiver: Receiver
) -> None:
    webhook = webhooks.add(receiver.url)
    finished_import(sqlite_registry)

    def stop(request: Any) -> Reply:
        delivery.is_stopping = True
        return Reply(500)

    receiver.answer = stop
    delivery.run()
    found = webhooks.find(webhook)
    assert (found.failure_count, webhooks.attempts(webhook), found.lease_owner) == (0, [], None)


def test_attempts_are_recorded_and_one_can_be_replayed(
    sqlite_registry: Registry, webhooks: Webhooks, delivery: Deliverer, receiver: Receiver
) -> None:
    webhook = webhooks.add(receiver.url)
    finished_import(sqlite_registry)
    receiver.answer = lambda request: Reply(500)
    delivery.run()
    receiver.answer = lambda request: Reply(201)
    delivery.clock.move(seconds=10)
    delivery.run()
    first, second = webhooks.attempts(webhook)
    assert (first["outcome"], first["http_status"], first["error"]) == (
        "failed",
        500,
        "http_status",
    )
    assert (second["outcome"], second["http_status"], second["error"]) == ("delivered", 201, None)
    waiting = webhooks.replay(webhook, first["id"])
    assert (waiting["outcome"], waiting["replay"]) == ("waiting", True)
    delivery.run()
    (replayed,) = [one for one in webhooks.attempts(webhook) if one["id"] == waiting["id"]]
    assert (replayed["outcome"], replayed["http_status"]) == ("delivered", 201)
    assert [request.event_id for request in receiver.requests] == 3 * _ids(sqlite_registry)
    assert delivery.run() == 0


def test_a_replay_does_not_bring_the_next_attempt_forward(
    sqlite_registry: Registry, webhooks: Webhooks, delivery: Deliverer, receiver: Receiver
) -> None:
    webhook = webhooks.add(receiver.url)
    for _ in range(2):
        finished_import(sqlite_registry)
    first, second = _ids(sqlite_registry)
    receiver.answer = lambda request: Reply(500 if request.event_id == second else 204)
    delivery.run()
    webhooks.replay(webhook, webhooks.attempts(webhook)[0]["id"])
    delivery.run()
    assert [request.event_id for request in receiver.requests] == [first, second, first]
    assert webhooks.find(webhook).failure_count == 1


def test_a_replay_whose_event_was_pruned_meanwhile_sends_no_other(
    sqlite_registry: Registry, webhooks: Webhooks, delivery: Deliverer, receiver: Receiver
) -> None:
    webhook = webhooks.add(receiver.url)
    for _ in range(2):
        finished_import(sqlite_registry)
    delivery.run()
    webhooks.replay(webhook, webhooks.attempts(webhook)[0]["id"])
    first, _ = _ids(sqlite_registry)
    with sqlite_registry.connected():
        sqlite_registry.database.execute(FeedEvent.delete().where(FeedEvent.id == first))
    assert delivery.run() == 0
    assert len(receiver.requests) == 2


def _add_events(registry: Registry, count: int) -> list[int]:
    """So many events at once."""
    finished_import(registry)
    (first,) = _ids(registry)
    with registry.connected(), registry.database.atomic():
        row: dict[str, Any] = next(iter(FeedEvent.select().dicts().bind(registry.database)))
        rows = [row | {"id": first + n, "attempt": n + 1} for n in range(1, count)]
        for at in range(0, len(rows), 1000):
            registry.database.execute(FeedEvent.insert_many(rows[at : at + 1000]))
        registry.database.execute(EventFeed.update(last_event_id=first + count))
    return _ids(registry)


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
    """It fails, stalls, redirects, answers 410, resolves to a private address, and is dead for an
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
    delivery.watch.start()
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


def _secure(listening: Any) -> Any:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "receiver.pem")
    return context.wrap_socket(listening, server_side=True)


@pytest.mark.parametrize(
    ("host", "trusted", "error"),
    [
        ("receiver.example", ssl.create_default_context(cafile=TLS / "ca.pem"), None),
        ("other.example", ssl.create_default_context(cafile=TLS / "ca.pem"), "tls"),
        ("receiver.example", ssl.create_default_context(), "tls"),
    ],
    ids=["right", "another name", "another authority"],
)
def test_a_certificate_is_checked_for_the_name_of_the_url(
    sqlite_registry: Registry, webhooks: Webhooks, host: str, trusted: Any, error: str | None
) -> None:
    with receiving(_secure) as receiver:
        port = receiver.url.split(":")[2].split("/")[0]
        webhook = webhooks.add(f"https://{host}:{port}/hook")
        finished_import(sqlite_registry)
        manners = Manners(any_address, resolve=lambda *_: ["127.0.0.1"], tls=lambda: trusted)
        Deliverer(sqlite_registry, manners, TestClock()).run()
        assert len(receiver.accepted) == (error is None)
    assert webhooks.find(webhook).last_error == error
