"""Fresh databases for the chaos run, one after another."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg

from glyphd.settings import Settings
from tests.chaos.rounds import MakeSettings
from tests.postgres_server import running_server


@contextmanager
def database_kind(name: str) -> Iterator[MakeSettings]:
    """A function that makes settings for `sqlite`, or for `postgresql`, whose server runs until the
    end of the block."""
    if name == "sqlite":
        yield _sqlite_settings
        return
    with running_server() as url:

        def make_settings(folder: Path) -> AbstractContextManager[Settings]:
            return _postgres_settings(folder, url)

        yield make_settings


@contextmanager
def _sqlite_settings(folder: Path) -> Iterator[Settings]:
    yield Settings(data_dir=folder)


@contextmanager
def _postgres_settings(folder: Path, server: str) -> Iterator[Settings]:
    """Settings with a database that is dropped at the end of the block, even if clients are
    connected."""
    name = f"glyphd_chaos_{uuid4().hex}"
    url = urlsplit(server)._replace(path=f"/{name}").geturl()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        yield Settings(data_dir=folder, database_url=url)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
