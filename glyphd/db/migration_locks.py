"""The lock that lets one process at a time change the schema. It frees itself the instant its holder dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from glyphd.db.connections import make_folder, open_postgres
from glyphd.db.dialects import MIGRATION_LOCK
from glyphd.settings import Settings


@contextmanager
def migration_lock(settings: Settings) -> Iterator[None]:
    """Waits for the other holder, be it a thread or a process, as long as it takes."""
    if settings.database_url is None:
        with _file_lock(settings.archive_path.resolve().with_suffix(".migrate.lock")):
            yield
        return
    with closing(open_postgres(settings)) as database:
        database.connect()
        database.execute_sql("SELECT pg_advisory_lock(%s)", (MIGRATION_LOCK,))
        yield


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    """The file is never removed: a process waiting for the old one and a process making a new one would both win."""
    make_folder(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
