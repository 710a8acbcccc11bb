"""The queue's SQLite file: created if there is none, and replaced if it can't be used as a
queue."""

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import structlog

from glyphd.companions import SQLITE_ENDINGS
from glyphd.db.troubles import Trouble, trouble_of
from glyphd.private_files import make_file, make_folder

_TABLES = frozenset({"task", "schedule", "kv", "counter"})
_USED = (
    "SELECT id, queue, data, priority FROM task LIMIT 0",
    "SELECT id, queue, data, timestamp FROM schedule LIMIT 0",
    "SELECT queue, key, value FROM kv LIMIT 0",
)
"""Queries that a queue's tables must support: another program's file may have tables with the same
names."""

_MISSING = "it is missing"
_EMPTY = "it is empty"

log = structlog.get_logger(__name__)


def prepare_queue_file(path: Path, tables: Iterable[str], *, patience: float) -> None:
    """Leaves a usable queue at `path`. An unusable file there is renamed, never removed.

    `tables` are the statements that make its tables, `patience` the seconds to wait for a lock.
    Raises OSError if nothing can be created or renamed, and sqlite3's error for a file that another
    process has locked.
    """
    if _fault_of(path, patience) is None:
        return
    make_folder(path.parent)
    with _alone_in(path.parent):
        fault = _fault_of(path, patience)  # another process may have been faster
        if fault is None:
            return
        if fault == _MISSING:
            _remove_logs(path)
        elif fault != _EMPTY:
            aside = _put_aside(path)
            log.warning("queue_replaced", reason=fault, now=aside.name)
        _make(path, tables, patience)


def _fault_of(path: Path, patience: float) -> str | None:
    """Why the file is not a queue; None if it is one. Raises sqlite3's error for a locked one."""
    if not os.path.lexists(path):
        return _MISSING
    if not path.is_file():
        return "it is not a file"
    if not os.access(path, os.R_OK | os.W_OK):
        return "it can't be read and written"
    try:
        uri = f"{path.absolute().as_uri()}?mode=rw"
        with closing(sqlite3.connect(uri, uri=True, timeout=patience)) as connection:
            return _fault_in(connection)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        if trouble_of(error) in (Trouble.BUSY, Trouble.FULL):
            raise
        return str(error)


def _fault_in(connection: sqlite3.Connection) -> str | None:
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    found = {name for (name,) in names if not name.startswith("sqlite_")}
    if not found:
        return _EMPTY
    if strangers := sorted(found - _TABLES):
        return f"it contains something else: {', '.join(strangers)}"
    for query in _USED:
        connection.execute(query)
    (checked,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    return None if checked == "ok" else str(checked)


def _make(path: Path, tables: Iterable[str], patience: float) -> None:
    make_file(path)
    with closing(sqlite3.connect(path, timeout=patience, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = wal")
        connection.execute("BEGIN IMMEDIATE")
        for statement in tables:
            connection.execute(statement)
        connection.execute("COMMIT")


def _put_aside(path: Path) -> Path:
    aside = path.with_name(f"{path.name}.unusable-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}")
    path.rename(aside)
    for ending in SQLITE_ENDINGS:
        log_file = Path(f"{path}{ending}")
        if log_file.exists():
            log_file.rename(f"{aside}{ending}")
    return aside


def _remove_logs(path: Path) -> None:
    """Processes that still have the file open would share the old `-shm` with the new file."""
    for ending in SQLITE_ENDINGS:
        Path(f"{path}{ending}").unlink(missing_ok=True)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Lets one process in at a time. The lock is on the folder, so that it needs no lock file."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
