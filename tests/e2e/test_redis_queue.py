"""Redis is killed, hangs, or loses its jobs: uploads are still accepted, and all
are imported."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from glyphd.settings import Settings
from tests.e2e.processes import (
    final_status,
    many_offers,
    readiness,
    serving,
    until,
    upload,
    working,
)
from tests.redis_server import RedisServer, running_redis

Trouble = Callable[[RedisServer], AbstractContextManager[None]]
TROUBLES: dict[str, Trouble] = {"killed": RedisServer.down, "frozen": RedisServer.frozen}
ACCEPTED_SECONDS = 20
"""Far above the timeout for an answer of Redis, which a few uploads may have to wait for."""

READY_SECONDS = 3 + 2
"""What docs/QUEUE.md promises, plus the rest of the answer on a slow machine."""

ONCE = ("notification_failed", "notifications_resumed", "queue_unusable", "queue_usable_again")
"""What the API and the worker log about a Redis that goes away and comes back."""

WARNING = "the queue does not answer, so imports begin some seconds later"


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A server that the test may stop."""
    with running_redis() as server:
        yield server


@pytest.fixture
def environment(postgres_settings: Settings, own_redis: RedisServer) -> dict[str, str]:
    return {
        "GLYPHD_DATA_DIR": str(postgres_settings.data_dir),
        "GLYPHD_DATABASE_URL": str(postgres_settings.database_url),
        "GLYPHD_QUEUE_URL": own_redis.url,
    }


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
def test_imports_go_on_without_redis(
    environment: dict[str, str],
    own_redis: RedisServer,
    trouble: Trouble,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with (
        serving("--no-worker", environment=environment) as api,
        working(environment=environment),
    ):
        until(lambda: readiness(api.address)["status"] == "ready")
        imports = [_send(api.address)]
        with trouble(own_redis):
            began = time.monotonic()
            imports += [_send(api.address) for _ in range(10)]
            assert time.monotonic() - began < ACCEPTED_SECONDS
            until(lambda: readiness(api.address)["warnings"] == [WARNING])
            began = time.monotonic()
            assert readiness(api.address)["status"] == "ready"
            assert time.monotonic() - began < READY_SECONDS
            assert _outcomes(api.address, imports) == {"succeeded"}
        until(lambda: readiness(api.address)["warnings"] == [])
        own_redis.forget()
        assert _outcomes(api.address, [_send(api.address) for _ in range(3)]) == {"succeeded"}
        logged: Counter[str] = Counter()

        def has_all() -> bool:
            logged.update(_events(capfd.readouterr().err))
            return all(logged[name] for name in ONCE)

        until(has_all)
    assert {name: logged[name] for name in ONCE} == dict.fromkeys(ONCE, 1)


def _events(log: str) -> list[str]:
    """The event of each line."""
    return [json.loads(line)["event"] for line in log.splitlines()]


def _send(address: str) -> str:
    return str(upload(address, many_offers(3), Prefer="respond-async")["import_id"])


def _outcomes(address: str, imports: list[str]) -> set[str]:
    return {final_status(address, import_id)["status"] for import_id in imports}
