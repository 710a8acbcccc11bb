"""One lock for each job, held by the process that runs it, and released immediately if that process
dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from glyphd.db.postgres_sessions import open_postgres
from glyphd.private_files import make_folder
from glyphd.settings import Settings

_JOB_LOCK_CLASS = 0x676C7970
"""`glyp` in hexadecimal: the first half of the advisory locks for jobs, so that they differ from
all other locks."""


class JobLocks(Protocol):
    def hold(self, job_id: int) -> AbstractContextManager[bool]:
        """Holds the job's lock for a block; immediately False if another process or thread holds
        it."""


class FileLocks:
    """`flock` on a file for each job. The files stay: removing one would let two processes lock two
    files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def hold(self, job_id: int) -> Iterator[bool]:
        make_folder(self._folder)
        descriptor = os.open(self._folder / f"job.{job_id}", os.O_RDWR | os.O_CREAT, 0o600)
        is_held = True
        try:
            # Not POSIX locks: those would be granted to a second thread of the same process.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            is_held = False
        try:
            yield is_held
        finally:
            os.close(descriptor)


class AdvisoryLocks:
    """PostgreSQL's advisory locks, each on its own connection that lives as long as the lock."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @contextmanager
    def hold(self, job_id: int) -> Iterator[bool]:
        database = open_postgres(self._settings)
        with database.connection_context():
            query = "SELECT pg_try_advisory_lock(%s, %s)"
            yield bool(database.execute_sql(query, (_JOB_LOCK_CLASS, job_id)).fetchone()[0])


def open_locks(settings: Settings) -> JobLocks:
    if settings.database_url is None:
        return FileLocks(settings.locks_dir)
    return AdvisoryLocks(settings)
