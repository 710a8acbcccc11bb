"""A service as on several machines: two APIs and three workers, each with a data folder of its own,
on a PostgreSQL pair and a place for uploads that all of them reach."""

import http.client
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from glyphd.db.connections import close_all, open_archive, open_registry
from glyphd.importing.registry import Registry
from glyphd.settings import Settings
from tests.chaos.clusters import Answer, Cluster, environment_of, free_port
from tests.chaos.keeping import Keeper
from tests.postgres_pair import PostgresPair

APIS = 2
WORKERS = 3


@dataclass(frozen=True)
class Part:
    """What all machines share besides PostgreSQL: how a machine's process finds it, and how to
    trouble it for so many seconds, by name."""

    environment: dict[str, str] = field(default_factory=dict)
    give_to: Callable[[Settings], None] = lambda settings: None
    troubles: dict[str, Callable[[float], None]] = field(default_factory=dict)


MakePart = Callable[[Path], AbstractContextManager[Part]]
"""A part in a folder, as long as the block."""


@dataclass(frozen=True)
class Machines(Cluster):
    """The processes of all machines. Requests go to any API, as through a load balancer; `settings`
    are those of a machine without processes, for looking."""

    apis: list[Keeper]
    ports: list[int]
    parts: list[Part]

    @property
    def keepers(self) -> list[Keeper]:
        return [*self.apis, *self.workers]

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """The answer of an API that is up. Raises what the last one raises if none is."""
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

    def disorderly_exits(self) -> list[int]:
        return [code for keeper in self.keepers for code in keeper.disorderly_exits()]

    def _request(self, port: int, *asked: Any, **headers: str) -> Answer:
        return Cluster.request(self.at(port), *asked, **headers)

    def at(self, port: int) -> Cluster:
        """The same with one API."""
        return Cluster(
            self.settings, port, self.api, self.workers, self.logs, self.registry, self.archive
        )


@contextmanager
def running_machines(
    pair: PostgresPair, database: str, folder: Path, make_parts: Sequence[MakePart]
) -> Iterator[Machines]:
    """The processes, started but maybe not up yet; each is started again when it dies."""
    with ExitStack() as stack:
        parts = [stack.enter_context(make(folder)) for make in make_parts]
        places = pair.places
        settings = [
            Settings(
                data_dir=folder / f"machine-{number}" / "data",
                database_url=places.url(database),
                read_url=places.read_url(database),
            )
            for number in range(APIS + WORKERS + 1)
        ]
        for one in settings:
            for part in parts:
                part.give_to(one)
        ports = [free_port() for _ in range(APIS)]
        apis = [
            _keeper(
                one, parts, folder / f"api-{port}.log", "serve", "--no-worker", f"--port={port}"
            )
            for one, port in zip(settings, ports, strict=False)
        ]
        workers = [
            _keeper(one, parts, folder / f"worker-{number}.log", "worker")
            for number, one in enumerate(settings[APIS:-1])
        ]
        registry = open_registry(settings[-1])
        archive = open_archive(settings[-1], read_only=True)
        stack.callback(close_all, registry)
        stack.callback(close_all, archive)
        machines = Machines(
            settings[-1], ports[0], apis[0], workers, folder, Registry(registry), archive,
            apis=apis, ports=ports, parts=parts,
        )  # fmt: skip
        for keeper in machines.keepers:
            stack.callback(keeper.stop)
            keeper.start()
        yield machines


def _keeper(settings: Settings, parts: Sequence[Part], log: Path, *command: str) -> Keeper:
    environment = environment_of(settings) | {"GLYPHD_READ_URL": str(settings.read_url)}
    for part in parts:
        environment |= part.environment
    return Keeper("glyphd", *command, environment=environment, log=log)


@contextmanager
def shared_folder(folder: Path) -> Iterator[Part]:
    """One folder for the uploads of all machines, as on a network file system."""
    shared = folder / "uploads"
    shared.mkdir(mode=0o700)

    def give_to(settings: Settings) -> None:
        settings.uploads_dir.parent.mkdir(parents=True, mode=0o700)
        settings.uploads_dir.symlink_to(shared)

    yield Part(give_to=give_to)
