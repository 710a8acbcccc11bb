"""A queue in Redis may go, hang or forget: uploads are accepted meanwhile, and all are imported."""

import time
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
"""Far above the time limit of an answer of Redis, which a few uploads may wait for."""

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
    environment: dict[str, str], own_redis: RedisServer, trouble: Trouble
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
            assert readiness(api.address)["status"] == "ready"
            assert _outcomes(api.address, imports) == {"succeeded"}
        until(lambda: readiness(api.address)["warnings"] == [])
        own_redis.forget()
        assert _outcomes(api.address, [_send(api.address) for _ in range(3)]) == {"succeeded"}


def _send(address: str) -> str:
    return str(upload(address, many_offers(3), Prefer="respond-async")["import_id"])


def _outcomes(address: str, imports: list[str]) -> set[str]:
    return {final_status(address, import_id)["status"] for import_id in imports}
