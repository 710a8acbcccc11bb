"""One request: never to a forbidden address, and never without a time limit."""

import ssl
import time
from pathlib import Path
from typing import Any

import pytest

from glyphd.events.webhook_targets import any_address, is_public
from glyphd.importing.registry import Registry
from tests.events.feeds import finished_import
from tests.events.receivers import (
    Deliverer,
    Receiver,
    Reply,
    Request,
    TestClock,
    receiving,
)
from tests.webhooks.records import Webhooks, event_ids
from worker.webhook_sending import Manners

TLS = Path(__file__).parents[1] / "data" / "tls"


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
    """The name is resolved once, and the receiver gets the name in `Host`."""
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
    assert receiver.accepted == event_ids(sqlite_registry)


def test_an_endless_answer_is_not_read(
    sqlite_registry: Registry, webhooks: Webhooks, delivery: Deliverer, receiver: Receiver
) -> None:
    webhooks.add(receiver.url)
    for _ in range(2):
        finished_import(sqlite_registry)
    receiver.answer = lambda request: Reply(200, {}, bytes(10**6))
    delivery.run()
    assert receiver.accepted == event_ids(sqlite_registry)
    assert len({request.connection for request in receiver.requests}) == 2


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
