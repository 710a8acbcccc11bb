"""One primary with a standby for all tests here, and a database on them for each test."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest

from glyphd.db import standby_reads
from glyphd.db.connections import close_all
from glyphd.db.migrations import initialise
from glyphd.settings import Settings
from tests.postgres_pair import RECOVERY, PostgresPair, running_pair
from tests.service import Service, open_service


@pytest.fixture(scope="session")
def pair() -> Iterator[PostgresPair]:
    # The standby cancels conflicting queries without delay, so that a test can provoke this.
    with running_pair("-c", "max_standby_streaming_delay=0") as found:
        yield found


@pytest.fixture(scope="session")
def template(pair: PostgresPair, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A migrated database; copying it is faster than migrating for every test."""
    name = "glyphd_template"
    pair.ask_primary(f"CREATE DATABASE {name}")
    folder = tmp_path_factory.mktemp("template")
    initialise(Settings(data_dir=folder, database_url=pair.places.url(name), read_url=None))
    return name


@pytest.fixture
def database(pair: PostgresPair, template: str) -> Iterator[str]:
    name = f"glyphd_test_{uuid4().hex}"
    pair.ask_primary(f"CREATE DATABASE {name} TEMPLATE {template}")
    pair.catch_up()
    yield name
    pair.ask_primary(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def reading_settings(pair: PostgresPair, database: str, tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path / "data",
        database_url=pair.places.url(database),
        read_url=pair.places.read_url(database),
    )


@pytest.fixture
def reader(reading_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A service whose API reads from the standby, and looks for it again right after a failure."""
    monkeypatch.setattr(standby_reads, "AWAY_SECONDS", 0.0)
    service = open_service(reading_settings)
    yield service
    close_service(service)


def close_service(service: Service) -> None:
    """Closes connections that would prevent the database from being dropped, or cause warnings."""
    for database in (service.services.archive, service.services.registry.database):
        with suppress(Exception):
            close_all(database)


def is_on_standby(service: Service) -> bool:
    """Whether the standby would answer now."""
    archive = service.services.archive
    with archive.connection_context():
        return bool(archive.execute_sql(RECOVERY).fetchone()[0])
