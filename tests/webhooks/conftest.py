"""A registry with webhooks, a receiver, and a worker's handling of them."""

from collections.abc import Iterator

import pytest

from glyphd.importing.registry import Registry
from tests.events.receivers import (
    Deliverer,
    Receiver,
    TestClock,
    receiving,
)
from tests.importing.conftest import registry, sqlite_registry
from tests.webhooks.records import PRIVATE, Webhooks

__all__ = ["registry", "sqlite_registry"]


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
    yield found
    found.watch.stop()


@pytest.fixture
def webhooks(sqlite_registry: Registry) -> Webhooks:
    return Webhooks(sqlite_registry)
