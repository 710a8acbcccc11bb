"""Huey's queue in Redis or Valkey. It needs the extra `redis`, so nothing imports this module
unless there is such a queue."""

import time
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

from huey.storage import PriorityRedisStorage
from redis import ConnectionError as Disconnected, ConnectionPool, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from glyphd.db.troubles import DATABASE_ERRORS
from glyphd.errors import Unavailable

LOOK_SECONDS = 1
"""How long a worker waits for a message before it checks whether it must stop."""

CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 2.0
"""A server that takes longer counts as unavailable. It must be more than LOOK_SECONDS, because the
server answers a waiting worker only after these."""

AWAY_SECONDS = 1.0
"""The pause between two attempts of a worker to reach an unavailable server."""

_CHECK_SECONDS = 60


class RedisQueue:
    """Huey's own storage for the messages of one archive, on a server that others may use too: the
    names of its keys have the archive's id, which is read at the first use.

    Every method except `dequeue` raises RedisError if the server is unavailable, and Unavailable if
    the archive's id can't be read.
    """

    blocking = True
    priority = True

    def __init__(self, name: str, *, url: str, find_owner: Callable[[], str | None]) -> None:
        self._name = name
        self._find_owner = find_owner
        self._pool = ConnectionPool.from_url(
            url,
            socket_connect_timeout=CONNECT_SECONDS,
            socket_timeout=ANSWER_SECONDS,
            # For a kept connection that the server has closed; a time-out is not tried again.
            retry=Retry(NoBackoff(), 1, supported_errors=(Disconnected,)),
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._messages, name)

    def dequeue(self) -> bytes | None:
        """The next message; None if none has come for a while, or the server is unavailable: then
        the sweep runs the jobs and logs that."""
        try:
            found: bytes | None = self._messages.dequeue()
        except (RedisError, Unavailable, *DATABASE_ERRORS):
            time.sleep(AWAY_SECONDS)
            return None
        return found

    def read_schedule(self, ts: Any) -> list[bytes]:
        """Empty, because no message is scheduled for later."""
        return []

    def peek_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        """Empty, because no job is revoked in the queue. So a worker with a message needs nothing
        more from a server that may have become unavailable."""
        return {}

    def delete_data(self, key: str) -> bool:
        """False, because there is nothing to delete after a job, as above."""
        return False

    def check_writable(self) -> None:
        """Tests writing, as sending a message does: a server may be full, or only a replica."""
        self._messages.conn.set(f"{self._messages.queue_key}.check", b"", ex=_CHECK_SECONDS)

    def close(self) -> None:
        self._pool.disconnect()

    @cached_property
    def _messages(self) -> PriorityRedisStorage:
        owner = self._find_owner()
        if owner is None:
            raise Unavailable("the archive's id, which is in the queue's name, can't be read")
        return PriorityRedisStorage(
            f"{self._name}_{owner}", connection_pool=self._pool, read_timeout=LOOK_SECONDS
        )
