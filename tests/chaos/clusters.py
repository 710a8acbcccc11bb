"""A service of real processes for the chaos run: an API and workers that share an archive."""

import http.client
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peewee import Database

from glyphd.db.connections import close_all, open_archive, open_registry
from glyphd.db.registry_models import Job
from glyphd.importing.registry import Registry
from glyphd.settings import PREFIX, Settings
from glyphd.uploads import UploadStore
from glyphd.uploads.opening import open_uploads
from tests.chaos.keeping import Keeper
from tests.server_process import free_port

HOST = "127.0.0.1"
PATIENCE_SECONDS = 120.0
ANSWER_SECONDS = 30.0
LOOK_SECONDS = 0.02
LINES_TOLD = 5
URLS = ("database_url", "read_url", "queue_url", "upload_url")


class WaitedInVain(AssertionError):
    """A condition was not met in time."""


class Unexpected(AssertionError):
    """The API gave an unexpected answer."""


@dataclass(frozen=True)
class Answer:
    """A complete answer of the API."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Cluster:
    """The processes, the port that the API uses after every restart, and their shared settings."""

    settings: Settings
    port: int
    api: Keeper
    workers: list[Keeper]
    logs: Path
    registry: Registry
    archive: Database
    uploads: UploadStore

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """One request on its own connection. Raises OSError or HTTPException if the connection
        breaks."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=ANSWER_SECONDS)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        answer = self.request("GET", path)
        if answer.status != 200:
            raise Unexpected(f"GET {path}: {answer.status} {answer.body[:500]!r}")
        return answer.json

    def walk(self, path: str) -> list[dict[str, Any]]:
        """The rows of all pages."""
        rows: list[dict[str, Any]] = []
        while path:
            answer = self.request("GET", path)
            if answer.status != 200:
                raise Unexpected(f"GET {path}: {answer.status} {answer.body[:500]!r}")
            rows += answer.json
            path = answer.headers.get("link", "").partition(">")[0].removeprefix("<")
        return rows

    def answers(self) -> bool:
        """Whether the API is up."""
        try:
            return self.request("GET", "/api/health").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def statuses(self) -> list[str]:
        """The statuses of unfinished imports, straight from the registry, because the API may be
        down. Empty while there is no registry."""
        try:
            return [str(job.status) for job in self.registry.unfinished()]
        except Exception:  # noqa: BLE001  # the registry is being created, or its server is down
            return []

    def count_batches(self) -> int:
        """How many imports are committed; 0 while there is no archive."""
        try:
            return int(self.archive_rows("SELECT COUNT(*) FROM import_batches")[0][0])
        except Exception:  # noqa: BLE001  # as above
            return 0

    def archive_rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows that a query returns from the archive itself, not through the API."""
        with self.archive.connection_context():
            return list(self.archive.execute_sql(sql).fetchall())

    def job(self, import_id: str) -> Job:
        """The registry's row of an import."""
        job = self.registry.find_import(import_id)
        assert job is not None
        return job

    def logged_errors(self) -> list[str]:
        """The last lines of the processes' logs that are errors or not log records."""
        lines = [line for log in self.logs.glob("*.log") for line in log.read_text().splitlines()]
        return [line for line in lines if '"level": "error"' in line or not line.startswith("{")][
            -LINES_TOLD:
        ]

    def disorderly_exits(self) -> list[int]:
        return [code for keeper in (self.api, *self.workers) for code in keeper.disorderly_exits()]


@contextmanager
def running_cluster(
    settings: Settings, logs: Path, *, workers: int = 1, runner: tuple[str, ...] = (), **more: str
) -> Iterator[Cluster]:
    """An API and `workers` workers, started but possibly not ready yet; each is restarted when it
    dies.

    `runner` is a module with arguments that runs the others; `more` are further settings, by their
    variable.
    """
    port = free_port()
    environment = environment_of(settings) | more
    serve = (*runner, "glyphd", "serve", "--no-worker", f"--port={port}")
    api = Keeper(*serve, environment=environment, log=logs / "api.log")
    kept = [
        Keeper(
            *runner, "glyphd", "worker", environment=environment, log=logs / f"worker-{number}.log"
        )
        for number in range(workers)
    ]
    registry, archive = open_registry(settings), open_archive(settings, read_only=True)
    uploads = open_uploads(settings)
    cluster = Cluster(settings, port, api, kept, logs, Registry(registry), archive, uploads)
    try:
        for keeper in (api, *kept):
            keeper.start()
        yield cluster
    finally:
        for keeper in (*kept, api):
            keeper.stop()
        close_all(registry)
        close_all(archive)


def environment_of(settings: Settings) -> dict[str, str]:
    """The variables that make a process part of this service."""
    urls = {f"{PREFIX}{name.upper()}": getattr(settings, name) for name in URLS}
    chosen = {"DATA_DIR": settings.data_dir, "PROCESSES": settings.processes or 1}
    return {f"{PREFIX}{name}": str(value) for name, value in chosen.items()} | {
        name: url for name, url in urls.items() if url is not None
    }


def until(condition: Callable[[], Any], patience: float = PATIENCE_SECONDS) -> Any:
    """Waits until the condition returns something true, and returns that. Raises WaitedInVain."""
    deadline = time.monotonic() + patience
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise WaitedInVain(getattr(condition, "__name__", str(condition)))
        time.sleep(LOOK_SECONDS)
    return found
