"""Delivery to webhooks: signed, in order, at least once, one worker at a time."""

from datetime import timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook as Verifier

from glyphd.db.event_models import FeedEvent
from glyphd.events.webhook_retries import GIVE_UP_AFTER
from glyphd.importing.registry import Registry
from glyphd.times import read_stored
from tests.events.feeds import finished_import
from tests.events.receivers import (
    Deliverer,
    Receiver,
    Reply,
    TestClock,
)
from tests.webhooks.records import PRIVATE, Webhooks, event_ids
from worker.webhook_leases import LEASE_SECONDS, DeliveryProgress, LeaseLost


def test_a_request_is_what_a_receivers_library_verifies(
    registry: Registry, clock: TestClock, receiver: Receiver
) -> None:
    webhook = Webhooks(registry).add(receiver.url)
    job = finished_import(registry, source="ebay")
    Deliverer(registry, PRIVATE, clock).run()
    (request,) = receiver.requests
    content = Verifier(webhook.secret).verify(request.body, request.headers)
    assert (content["type"], content["data"]["import_id"]) == ("import.finished", job.import_id)
    assert content["id"] == request.event_id == event_ids(registry)[0]
    assert request.headers["content-type"] == "application/json"
    assert Webhooks(registry).find(webhook).delivered_event_id == request.event_id


def test_nothing_is_sent_twice_when_all_is_delivered(
    sqlite_registry: Registry, webhooks: Webhooks, delivery: Deliverer, receiver: Receiver
) -> None:
    webhooks.add(receiver.url)
    for _ in range(3):
        finished_import(sqlite_registry)
    assert (delivery.run(), delivery.run()) == (1, 0)
    assert receiver.accepted == event_ids(sqlite_registry)
    assert len({request.connection for request in receiver.requests}) == 1


def test_it_begins_after_the_event_that_was_the_latest(
    sqlite_registry: Registry, webhooks: Webhooks, delivery: Deliverer, receiver: Receiver
) -> None:
    finished_import(sqlite_registry)
    webhooks.add(receiver.url)
    finished_import(sqlite_registry)
    delivery.run()
    assert receiver.accepted == event_ids(sqlite_registry)[1:]


def test_it_may_begin_earlier_and_with_some_kinds(
    sqlite_registry: Registry, webhooks: Webhooks, delivery: Deliverer, receiver: Receiver
) -> None:
    finished_import(sqlite_registry)
    webhooks.add(receiver.url, after=0, kinds=["import.stalled"])
    assert delivery.run() == 0
    webhooks.add(receiver.url, after=0, kinds=["import.finished"])
    delivery.run()
    assert receiver.accepted == event_ids(sqlite_registry)


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
    assert receiver.accepted == event_ids(sqlite_registry)
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
    assert receiver.accepted == event_ids(sqlite_registry)


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
    first.leases.record(lease, DeliveryProgress())
    clock.move(seconds=LEASE_SECONDS - 1)
    assert second.run() == 0
    clock.move(seconds=2)
    assert second.run() == 1
    with pytest.raises(LeaseLost):
        first.leases.record(lease, DeliveryProgress(values={"delivered_event_id": 0}))
    assert receiver.accepted == event_ids(registry)


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
    assert [request.event_id for request in receiver.requests] == 3 * event_ids(sqlite_registry)
    assert delivery.run() == 0


def test_a_replay_does_not_bring_the_next_attempt_forward(
    sqlite_registry: Registry, webhooks: Webhooks, delivery: Deliverer, receiver: Receiver
) -> None:
    webhook = webhooks.add(receiver.url)
    for _ in range(2):
        finished_import(sqlite_registry)
    first, second = event_ids(sqlite_registry)
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
    first, _ = event_ids(sqlite_registry)
    with sqlite_registry.connected():
        sqlite_registry.database.execute(FeedEvent.delete().where(FeedEvent.id == first))
    assert delivery.run() == 0
    assert len(receiver.requests) == 2
