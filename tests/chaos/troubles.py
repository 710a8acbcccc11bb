"""Troubles of the environment: of files, of PostgreSQL, or caused by other processes. Each is a
block and lasts as long as it."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from random import Random
from urllib.parse import urlsplit

import psycopg

from glyphd.settings import Settings
from tests.chaos.disks import SmallDisk, read_only_mount

LEFT_BYTES = 64 * 1024
"""Free bytes on a full disk: too few for any import, and fewer than the reserve."""

HARSH_SETTINGS = (
    ("statement_timeout", "20ms"),
    ("temp_file_limit", "64kB"),
    ("default_transaction_read_only", "on"),
)
QUEUE_PAGE = 4096


@contextmanager
def read_only(settings: Settings, random: Random) -> Iterator[None]:
    """The archive, or the whole data folder, is on a read-only disk.

    Files that are already open for writing stay so, as after a failed remount; opening another one
    for writing fails with EROFS.
    """
    target = random.choice((settings.archive_path, settings.data_dir))
    if not target.exists():
        yield
        return
    with read_only_mount(target):
        yield


@contextmanager
def full_disk(settings: Settings, random: Random) -> Iterator[None]:
    """The disk of the data folder is full, for uploads and for databases."""
    disk = SmallDisk(settings.data_dir.parent)
    assert disk.folder.is_mount(), "only a disk of the run's own may be filled"
    disk.fill(leave=random.choice((0, LEFT_BYTES)))
    try:
        yield
    finally:
        disk.free()


@contextmanager
def spoiled_queue(settings: Settings, random: Random) -> Iterator[None]:
    """The queue's file is overwritten or deleted."""
    path = settings.queue_path
    if random.random() < 0.5:
        for file in path.parent.glob(f"{path.name}*"):
            file.unlink(missing_ok=True)
    elif path.exists():
        with path.open("r+b") as opened:
            opened.write(random.randbytes(random.choice((100, QUEUE_PAGE))))
    yield


@contextmanager
def locked_registry(settings: Settings, _: Random) -> Iterator[None]:
    """Another process holds the registry's write lock."""
    if settings.database_url is not None:
        with _session(settings.database_url) as session, session.transaction():
            if session.execute("SELECT to_regclass('jobs')").fetchone() != (None,):
                session.execute("LOCK TABLE jobs IN EXCLUSIVE MODE")
            yield
        return
    if not settings.registry_path.exists():
        yield
        return
    with closing(
        sqlite3.connect(settings.registry_path, timeout=10, isolation_level=None)
    ) as other:
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")


@contextmanager
def harsh_postgres(settings: Settings, random: Random) -> Iterator[None]:
    """Every new connection gets a harmful setting, and existing ones are terminated."""
    url, name = _url(settings), urlsplit(_url(settings)).path.lstrip("/")
    setting, value = random.choice(HARSH_SETTINGS)
    server = urlsplit(url)._replace(path="/postgres").geturl()
    with _session(server) as session:
        session.execute(f"ALTER DATABASE {name} SET {setting} = '{value}'".encode())
        _terminate(session, name)
        try:
            yield
        finally:
            session.execute(f"ALTER DATABASE {name} RESET {setting}".encode())
            _terminate(session, name)


@contextmanager
def terminated_connections(settings: Settings, _: Random) -> Iterator[None]:
    """All connections to the database are terminated, as by an administrator or a failover."""
    name = urlsplit(_url(settings)).path.lstrip("/")
    with _session(urlsplit(_url(settings))._replace(path="/postgres").geturl()) as session:
        _terminate(session, name)
        yield
        _terminate(session, name)


Trouble = Callable[[Settings, Random], AbstractContextManager[None]]

TROUBLES: dict[str, Trouble] = {
    "readonly": read_only,
    "full": full_disk,
    "queue": spoiled_queue,
    "registry": locked_registry,
    "settings": harsh_postgres,
    "terminate": terminated_connections,
}
NEEDS_MOUNTS = frozenset({"readonly", "full"})
ONLY_SQLITE = frozenset({"queue"})
ONLY_POSTGRESQL = frozenset({"settings", "terminate"})


def _session(url: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(url, autocommit=True)


def _terminate(session: psycopg.Connection[tuple[object, ...]], name: str) -> None:
    session.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
    )


def _url(settings: Settings) -> str:
    assert settings.database_url is not None
    return settings.database_url
