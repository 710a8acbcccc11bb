"""A PostgreSQL server for a measurement, and workers on it. It is the tests' own server, but
durable."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg

from bench.service import Running, running_service
from tests.postgres_server import restartable_server

URL = "GLYPHD_DATABASE_URL"
DURABLE = ("-c", "fsync=on", "-c", "synchronous_commit=on", "-c", "full_page_writes=on")
SIZES = ("-c", "shared_buffers=1GB", "-c", "max_wal_size=4GB")


@contextmanager
def running_postgres() -> Iterator[str]:
    """The URL of a server with the sizes of a small machine."""
    with restartable_server(*DURABLE, *SIZES) as server:
        yield server.url


@contextmanager
def workers_on(server_url: str, folder: Path, count: int) -> Iterator[Running]:
    """An API on an empty database of this server, and `count` workers, each in a process of its
    own. The API is ready when the block begins."""
    with (
        on_empty_database(server_url),
        running_service(folder, worker=False) as service,
        ExitStack() as workers,
    ):
        for _ in range(count):
            workers.enter_context(_worker(folder))
        yield service


@contextmanager
def on_empty_database(server_url: str) -> Iterator[None]:
    """Services that start in the block use a new database on this server."""
    os.environ[URL] = new_database(server_url)
    try:
        yield
    finally:
        del os.environ[URL]


@contextmanager
def _worker(folder: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "glyphd", "worker", "--data-dir", str(folder)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as popen:
        try:
            yield
        finally:
            popen.terminate()


def new_database(server_url: str) -> str:
    """Creates an empty database on this server; returns its URL."""
    name = f"bench_{uuid4().hex}"
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}".encode())
    parts = urlsplit(server_url)
    return f"postgresql://{parts.netloc}/{name}?{parts.query}"
