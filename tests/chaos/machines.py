"""A service on several simulated machines: two APIs and three workers, each with its own data
folder, on a PostgreSQL pair, a bucket for uploads, and Redis for the queue."""

import http.client
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

from glyphd.db.connections import close_all, open_archive, open_registry
from glyphd.importing.registry import Registry
from glyphd.settings import Settings
from glyphd.uploads.opening import open_uploads
from tests.bucket_server import BUCKET, running_bucket_server
from tests.chaos.clusters import Answer, Cluster, environment_of
from tests.chaos.keeping import Keeper
from tests.postgres_pair import Places, PostgresPair
from tests.redis_server import running_redis
from tests.server_process import ServerProcess, free_port

APIS = 2
WORKERS = 3


@dataclass(frozen=True)
class Part:
    """A server besides PostgreSQL that all machines share: the settings and variables that it
    needs, and its troubles by name, each of which takes a duration in seconds."""

    settings: dict[str, str]
    troubles: dict[str, Callable[[float], None]]
    environment: dict[str, str] = field(default_factory=dict)


MakePart = Callable[[], AbstractContextManager[Part]]
"""Runs a part until the end of the block."""


@dataclass(frozen=True)
class Machines(Cluster):
    """The processes of all machines. Requests go to any API, as through a load balancer; `settings`
    belong to a machine without processes, which is used to inspect the data."""

    apis: list[Keeper]
    ports: list[int]
    parts: list[Part]

    @property
    def keepers(self) -> list[Keeper]:
        return [*self.apis, *self.workers]

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """The answer of an API that is running. If none is, raises the error of the last one."""
        ports = Random().sample(self.ports, len(self.ports))
        for port in ports[:-1]:
            try:
                return self._request(port, method, path, body, **headers)
            except ConnectionRefusedError:
                continue
        return self._request(ports[-1], method, path, body, **headers)

    def answers(self) -> bool:
        """Whether all APIs are up."""
        try:
            answers = [self._request(port, "GET", "/api/health") for port in self.ports]
        except (OSError, http.client.HTTPException):
            return False
        return all(answer.status == 200 for answer in answers)

    def forget_exits(self) -> list[int]:
        """The exit codes of processes that ended by themselves since the last call."""
        codes = [code for keeper in self.keepers for code in keeper.disorderly_exits()]
        for keeper in self.keepers:
            keeper.exits.clear()
        return codes

    def refusals(self) -> list[str]:
        """The messages of processes that could not start."""
        lines = [line for log in self.logs.glob("*.log") for line in log.read_text().splitlines()]
        return [line for line in lines if line.startswith("glyphd: ")]

    def _request(self, port: int, *asked: Any, **headers: str) -> Answer:
        return Cluster.request(self.at(port), *asked, **headers)

    def at(self, port: int) -> Cluster:
        """The same cluster with only the API at this port."""
        values = {each.name: getattr(self, each.name) for each in fields(Cluster)}
        return Cluster(**values | {"port": port})


@contextmanager
def running_machines(
    pair: PostgresPair, database: str, folder: Path, make_parts: Sequence[MakePart]
) -> Iterator[Machines]:
    """The processes, started but possibly not ready yet; each is restarted when it dies."""
    with ExitStack() as stack:
        parts = [stack.enter_context(make()) for make in make_parts]
        for part in parts:
            # Also for this process, which reads the same uploads.
            stack.enter_context(patch.dict(os.environ, part.environment))
        settings = [
            _settings_of(folder / f"machine-{number}", pair.places, database, parts)
            for number in range(APIS + WORKERS + 1)
        ]
        ports = [free_port() for _ in range(APIS)]
        apis = [
            _keeper(one, folder / f"api-{port}.log", "serve", "--no-worker", f"--port={port}")
            for one, port in zip(settings, ports, strict=False)
        ]
        workers = [
            _keeper(one, folder / f"worker-{number}.log", "worker")
            for number, one in enumerate(settings[APIS:-1])
        ]
        registry = open_registry(settings[-1])
        archive = open_archive(settings[-1], read_only=True)
        stack.callback(close_all, registry)
        stack.callback(close_all, archive)
        machines = Machines(
            settings[-1], ports[0], apis[0], workers, folder, Registry(registry), archive,
            open_uploads(settings[-1]), apis=apis, ports=ports, parts=parts,
        )  # fmt: skip
        for keeper in machines.keepers:
            stack.callback(keeper.stop)
            keeper.start()
        yield machines


def _settings_of(machine: Path, places: Places, database: str, parts: Sequence[Part]) -> Settings:
    """Settings with the machine's own data folder."""
    shared = {name: value for part in parts for name, value in part.settings.items()}
    urls = {"database_url": places.url(database), "read_url": places.read_url(database)}
    return Settings(data_dir=machine / "data", **urls, **shared)


def _keeper(settings: Settings, log: Path, *command: str) -> Keeper:
    return Keeper("glyphd", *command, environment=environment_of(settings), log=log)


@contextmanager
def bucket() -> Iterator[Part]:
    """SeaweedFS for the uploads."""
    with running_bucket_server() as server:
        settings = {"upload_url": f"s3://{BUCKET}/chaos"}
        yield Part(settings, _troubles(server, "the bucket"), server.environment)


@contextmanager
def redis() -> Iterator[Part]:
    """Redis for the queue; after a kill it is empty."""
    with running_redis() as server:
        yield Part({"queue_url": server.url}, _troubles(server, "Redis"))


def _troubles(server: ServerProcess, name: str) -> dict[str, Callable[[float], None]]:
    def lasting(trouble: Callable[[], AbstractContextManager[None]], seconds: float) -> None:
        with trouble():
            time.sleep(seconds)

    return {
        f"`kill -9` of {name}": partial(lasting, server.down),
        f"{name} frozen": partial(lasting, server.frozen),
    }
