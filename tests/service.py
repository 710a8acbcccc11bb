"""The service for tests: the real app over real files, and a worker in the same process."""

import json
import shutil
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from webtest import TestApp, TestResponse

from glyphd.application import build_site
from glyphd.db.archive_models import BatchChange
from glyphd.db.connections import close_all
from glyphd.db.migrations import initialise
from glyphd.db.registry_models import Job
from glyphd.db.standby_reads import open_reads
from glyphd.private_files import make_folder
from glyphd.services import Services, build_services
from glyphd.settings import Settings
from glyphd.uploads.opening import prepare_ledger
from worker import run_pending
from worker.consumer import GREETING_SECONDS

HEADER = "model,price_usd,score,region,seller,seen_at"
LIVE_POLL_SECONDS = 0.005
LONGEST_WALK = 1000


@dataclass(frozen=True)
class Service:
    """One running service: `http` drives its app, `work` does what a worker would."""

    settings: Settings
    services: Services
    http: "TestApp[Any]"

    def work(self) -> None:
        """Runs the queued jobs."""
        run_pending(self.services)

    def post(
        self, path: str, body: str | bytes, headers: dict[str, str], status: int | None = None
    ) -> TestResponse:
        content: Any = body  # webtest accepts bytes, its type hints do not
        return self.http.post(path, content, headers=headers, status=status)

    def upload(self, csv: str | bytes, query: str = "", **headers: str) -> TestResponse:
        """Sends a CSV as a raw body; returns the 202 answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.post(f"/api/import{query}", csv, {"Content-Type": "text/csv", **named})

    def import_csv(self, csv: str | bytes, query: str = "", **headers: str) -> dict[str, Any]:
        """Sends a CSV, runs the import, and returns its final status."""
        import_id = self.upload(csv, query, **headers).json["import_id"]
        self.work()
        return self.status(import_id)

    def status(self, import_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(f"/api/imports/{import_id}").json
        return found

    def listings(self, query: str = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.http.get(f"/api/listings{query}").json
        return found

    def walk(self, path: str) -> list[dict[str, Any]]:
        """The rows of all pages, one page after another."""
        found: list[dict[str, Any]] = []
        while path:
            page = self.http.get(path)
            found += page.json
            assert len(found) <= LONGEST_WALK, "the pages have no end"
            path = next_page(page)
        return found

    def refusal(self, path: str, status: int = 400) -> dict[str, Any]:
        """The problem with which a GET is answered."""
        return problem(self.http.get(path, status=status))

    def kept(self) -> list[str]:
        """The names of the files in the upload store."""
        folder = self.settings.uploads_dir
        here = [file.name for file in folder.iterdir()] if folder.exists() else []
        if self.settings.upload_url is None:
            return sorted(here)
        return sorted([*here, *self.services.uploads.names()])

    def kept_bytes(self, name: str) -> bytes:
        """The content of a file in the upload store."""
        with self.services.uploads.open(name) as file:
            return file.read()

    def manifest(self, import_id: str) -> dict[str, Any]:
        """The manifest of an upload."""
        found: dict[str, Any] = json.loads(self.kept_bytes(f"{import_id}.json"))
        return found

    def changes(self) -> list[BatchChange]:
        """The rollbacks and restores that the archive recorded, in order."""
        archive = self.services.archive
        with archive.connection_context():
            return list(BatchChange.select().order_by(BatchChange.id).bind(archive))

    def alter(self, import_id: str, **values: Any) -> None:
        """Changes the row of an import directly in the registry, to states that it has only for a
        moment."""
        database = self.services.registry.database
        with database.connection_context():
            database.execute(Job.update(values).where(Job.import_id == import_id))

    @contextmanager
    def live_worker(self) -> Iterator[None]:
        """A worker in a thread besides the API, which runs until the end of the block."""
        ended = Event()

        def work() -> None:
            greeted = time.monotonic()
            while not ended.wait(LIVE_POLL_SECONDS):
                if time.monotonic() - greeted > GREETING_SECONDS:
                    self.greet()
                    greeted = time.monotonic()
                self.work()

        self.greet()
        thread = Thread(target=work, name="live-worker")
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def greet(self) -> None:
        """Sends a worker's heartbeat."""
        self.services.registry.greet("live-worker", "here", 1)


StartService = Callable[..., Service]


def open_service(settings: Settings) -> Service:
    """The app that `create_app` makes, with access to its internals."""
    prepare_ledger(settings)
    make_folder(settings.scratch_dir)
    services = build_services(settings, open_reads(settings))
    service = Service(settings, services, TestApp(build_site(services)))
    weakref.finalize(service, close_services, services)
    return service


def close_services(services: Services) -> None:
    """Closes what a process keeps open while it runs: newer Pythons warn about connections that are
    not closed."""
    close_all(services.archive)
    close_all(services.registry.database)
    services.queue.close()


def next_page(answer: TestResponse) -> str:
    """The path in the Link header of a page; empty on the last page."""
    return str(answer.headers.get("Link", "")).partition(">")[0].removeprefix("<")


def problem(answer: TestResponse) -> dict[str, Any]:
    """The problem document of a refusal."""
    assert answer.content_type == "application/problem+json"
    found: dict[str, Any] = answer.json
    assert found["status"] == answer.status_code
    return found


@pytest.fixture(scope="session")
def initialised_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated data folder; copying it is faster than migrating for every test."""
    folder = tmp_path_factory.mktemp("initialised") / "data"
    initialise(settings_in(folder))
    return folder


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test marked `every_way` runs on SQLite with a folder, and on the servers that machines
    share."""
    if "way" in metafunc.fixturenames and metafunc.definition.get_closest_marker("every_way"):
        metafunc.parametrize("way", ["sqlite", "shared"], indirect=True)


@pytest.fixture
def way(request: pytest.FixtureRequest) -> str:
    return getattr(request, "param", "sqlite")


@pytest.fixture
def start_service(
    way: str, request: pytest.FixtureRequest, tmp_path: Path, initialised_folder: Path
) -> Iterator[StartService]:
    """Starts a service, at first on a fresh ledger: `start_service(max_json_bytes=100)` changes
    settings."""
    started: list[Service] = []

    def start(**values: Any) -> Service:
        if way == "sqlite":
            return start_in(tmp_path / "data", initialised_folder, **values)
        shared: Settings = request.getfixturevalue("shared_settings")
        started.append(open_service(shared.model_copy(update=values)))
        return started[-1]

    if way != "sqlite":
        request.getfixturevalue("shared_settings")  # so that its teardown comes after the services
    yield start
    for service in started:
        close_services(service.services)


@pytest.fixture
def service(start_service: StartService) -> Service:
    """A fresh service: on SQLite, and if requested on the servers that machines share."""
    return start_service()


@pytest.fixture(scope="module")
def shared_service(tmp_path_factory: pytest.TempPathFactory, initialised_folder: Path) -> Service:
    """One service for all tests of a module, which must not change what they share."""
    return start_in(tmp_path_factory.mktemp("shared") / "data", initialised_folder)


@pytest.fixture
def live_service(service: Service) -> Iterator[Service]:
    """A fresh service with a worker at work."""
    with service.live_worker():
        yield service


def start_in(folder: Path, initialised_folder: Path, **values: Any) -> Service:
    """Starts a service in a folder; if the folder does not exist, it is copied."""
    if not folder.exists():
        shutil.copytree(initialised_folder, folder)
    return open_service(settings_in(folder, **values))


def settings_in(folder: Path, **values: Any) -> Settings:
    """Settings for SQLite in a folder, whatever the environment says, which fixtures that outlive a
    test can't clear."""
    return Settings(data_dir=folder, db_path=folder / "gpu.sqlite", database_url=None, **values)


def offers(*rows: str) -> str:
    """A CSV with HEADER and these rows."""
    return "\n".join([HEADER, *rows]) + "\n"
