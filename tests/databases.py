"""Databases, buckets and queues for the tests: fresh ones for each test, on SQLite, on PostgreSQL,
and on PostgreSQL with a bucket and Redis. Tests are skipped only if Redis is not installed, and
never in CI.

A fresh ledger is a copy of a migrated one, because migrations take a second; only code that creates
a ledger is tested on an empty database.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest

from glyphd.settings import PREFIX, Settings
from tests.bucket_server import BUCKET, BucketServer, running_bucket_server
from tests.e2e.processes import run
from tests.postgres_server import running_server
from tests.redis_server import RedisServer, running_redis

TEST_PREFIX = "GLYPHD_TEST_"


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of whoever runs the tests may have settings for an archive that no test may
    touch."""
    for name in os.environ:
        if name.startswith(PREFIX) and not name.startswith(TEST_PREFIX):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The server for test databases: GLYPHD_TEST_POSTGRES_URL, otherwise one of our own."""
    given = os.environ.get("GLYPHD_TEST_POSTGRES_URL")
    if given:
        yield given
        return
    with running_server() as url:
        yield url


@pytest.fixture
def empty_sqlite_settings(tmp_path: Path) -> Settings:
    """Settings for SQLite in a folder that does not exist yet, for code that creates one."""
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """The URL of an empty database."""
    with fresh_database(postgres_url) as url:
        yield url


@pytest.fixture
def empty_postgres_settings(tmp_path: Path, postgres_database: str) -> Settings:
    """Settings for PostgreSQL with an empty database, for code that fills it."""
    return Settings(data_dir=tmp_path / "data", database_url=postgres_database)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_settings(request: pytest.FixtureRequest) -> Settings:
    """Runs the test once on each of the two databases, while they are empty."""
    return _settings_for(request, "empty_")


@pytest.fixture
def sqlite_settings(empty_sqlite_settings: Settings, initialised_folder: Path) -> Settings:
    """Settings for a fresh ledger on SQLite."""
    shutil.copytree(initialised_folder, empty_sqlite_settings.data_dir)
    return empty_sqlite_settings


@pytest.fixture
def postgres_settings(
    tmp_path: Path, postgres_url: str, initialised_database: str
) -> Iterator[Settings]:
    """Settings for a fresh ledger on PostgreSQL."""
    with fresh_database(postgres_url, initialised_database) as url:
        yield Settings(data_dir=tmp_path / "data", database_url=url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_settings(request: pytest.FixtureRequest) -> Settings:
    """Runs the test once on a fresh ledger on each of the two databases."""
    return _settings_for(request, "")


def _settings_for(request: pytest.FixtureRequest, kind: str) -> Settings:
    name = "sqlite_settings" if request.param == "sqlite" else "postgres_settings"
    settings: Settings = request.getfixturevalue(kind + name)
    return settings


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """The server for queues, shared by all tests. A test that stops its server starts one of its
    own."""
    with running_redis() as server:
        yield server


@pytest.fixture
def redis_settings(empty_postgres_settings: Settings, redis_server: RedisServer) -> Settings:
    """Settings for an empty database on PostgreSQL, and a queue in Redis."""
    return empty_postgres_settings.model_copy(update={"queue_url": redis_server.url})


@pytest.fixture(scope="session")
def bucket_server() -> Iterator[BucketServer]:
    """The server for buckets, shared by all tests. A test that stops its server starts one of its
    own."""
    with running_bucket_server() as server:
        yield server


@pytest.fixture
def bucket_url(bucket_server: BucketServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty prefix for one test; sets the variables that it needs."""
    for name, value in bucket_server.environment.items():
        monkeypatch.setenv(name, value)
    return f"s3://{BUCKET}/{uuid4().hex}"


@pytest.fixture
def bucket_settings(postgres_settings: Settings, bucket_url: str) -> Settings:
    """Settings for a fresh ledger on PostgreSQL, and an empty bucket."""
    return postgres_settings.model_copy(update={"upload_url": bucket_url})


@pytest.fixture(scope="session")
def initialised_database(
    postgres_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The name of a migrated database; copying it is faster than migrating for every test."""
    # In its own process, because migrations leave the models bound to their database, and services
    # on SQLite do not migrate.
    settings = {"GLYPHD_DATA_DIR": str(tmp_path_factory.mktemp("template"))}
    settings |= dict.fromkeys(
        ("GLYPHD_DB_PATH", "GLYPHD_UPLOAD_URL", "GLYPHD_QUEUE_URL"), ""
    )  # whatever the environment says
    with fresh_database(postgres_url) as url:
        made = run("init-db", environment=settings | {"GLYPHD_DATABASE_URL": url})
        assert made.returncode == 0, made.stderr
        yield urlsplit(url).path.removeprefix("/")


@pytest.fixture(scope="module")
def module_database(postgres_url: str, initialised_database: str) -> Iterator[str]:
    """The URL of a migrated database that all tests of a module share."""
    with fresh_database(postgres_url, initialised_database) as url:
        yield url


@pytest.fixture
def shared_settings(
    postgres_settings: Settings, bucket_url: str, redis_server: RedisServer
) -> Settings:
    """Settings for one of several machines that share a fresh ledger on PostgreSQL, an empty
    bucket, and a queue in Redis."""
    return postgres_settings.model_copy(
        update={"upload_url": bucket_url, "queue_url": redis_server.url}
    )


@contextmanager
def fresh_database(server: str, template: str = "template1") -> Iterator[str]:
    """The URL of a copy of a database, dropped after the block even if clients are connected."""
    name = f"glyphd_test_{uuid4().hex}"
    _execute(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield with_database(server, name)
    _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def _execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def with_database(url: str, name: str) -> str:
    """The URL of another database on the same server."""
    parts = urlsplit(url)
    return f"postgresql://{parts.netloc}/{name}" + (f"?{parts.query}" if parts.query else "")
