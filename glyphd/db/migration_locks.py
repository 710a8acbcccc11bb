"""The lock that lets one process at a time change the schema. It is released immediately if its
holder dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from glyphd.companions import MIGRATE_LOCK_ENDING, companion
from glyphd.db.dialects import MIGRATION_LOCK
from glyphd.db.postgres_sessions import open_postgres
from glyphd.private_files import make_folder
from glyphd.settings import Settings


@contextmanager
def migration_lock(settings: Settings) -> Iterator[None]:
    """Waits for another holder, a thread or a process, without a time limit."""
    if settings.database_url is None:
        with ExitStack() as held:
            for path in _lock_files(settings):
                held.enter_context(_file_lock(path))
            yield
        return
    with closing(open_postgres(settings)) as database:
        database.connect()
        database.execute_sql("SELECT pg_advisory_lock(%s)", (MIGRATION_LOCK,))
        yield


def _lock_files(settings: Settings) -> list[Path]:
    """One for the archive and, if its companions are in another folder, one for these, because two
    archives with the same name may need the same companions. Always in the same order, so that no
    two processes wait for each other.
    """
    archive = settings.archive_path.resolve()
    beside = settings.beside(MIGRATE_LOCK_ENDING)
    return sorted({companion(archive, MIGRATE_LOCK_ENDING), beside.parent.resolve() / beside.name})


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    """The file is never removed: otherwise a process that waits for the old one and a process that
    creates a new one would both get the lock."""
    make_folder(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
