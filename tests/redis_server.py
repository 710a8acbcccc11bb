"""A Redis server for the tests: Debian's, on a port of its own."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import redis

from tests.server_process import ServerProcess, free_port, installed


class RedisServer(ServerProcess):
    """One server. It loses its data when it is restarted."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._port = free_port()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    def command(self) -> list[str]:
        program = installed("redis-server", "redis")
        return [program, "--port", str(self._port), "--bind", "127.0.0.1", "--save", ""]

    def answers(self) -> bool:
        with suppress(redis.RedisError), redis.Redis.from_url(self.url) as client:
            return bool(client.ping())
        return False

    def forget(self) -> None:
        """Deletes everything."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()


@contextmanager
def running_redis() -> Iterator[RedisServer]:
    """A running server that is stopped at the end of the block."""
    with TemporaryDirectory(prefix="glyphd-redis-") as name:
        server = RedisServer(Path(name))
        try:
            server.start()
            yield server
        finally:
            server.kill()
