"""Errors that the file did not cause, and the reason that clients see for each."""

import errno

import pytest
from peewee import DatabaseError, IntegrityError, InterfaceError, OperationalError

from glyphd.errors import NotReady, SourceMissing
from worker.passing import passing_reason


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (
            OSError(errno.EACCES, "Permission denied", "/secret"),
            "the worker is not allowed to read or write its files",
        ),
        (OSError(errno.EMFILE, "Too many open files"), "the worker has too many open files"),
        (OSError(errno.EIO, "Input/output error"), "the disk can't be read or written"),
        (MemoryError(), "the worker is out of memory"),
        (OperationalError("database is locked"), "the database is busy"),
        (OperationalError("locking protocol"), "the database is busy"),
        (OperationalError("disk I/O error"), "the database has no space left"),
        (
            OperationalError("server closed the connection unexpectedly"),
            "the connection to the database was lost",
        ),
        (
            OperationalError("no such table: jobs"),
            "the schema of the database does not match this version of glyphd",
        ),
        (
            OperationalError("of a kind nobody has seen"),
            "the database returned an error; the log has the details",
        ),
        (InterfaceError("connection already closed"), "the connection to the database was lost"),
        (SourceMissing("the kept file is missing"), "the kept file is missing"),
        (NotReady("PostgreSQL does not answer", reason="secret"), "PostgreSQL does not answer"),
        (DatabaseError("database disk image is malformed"), None),
        (IntegrityError("UNIQUE constraint failed: import_batches.import_id"), None),
        (ValueError("x"), None),
    ],
    ids=str,
)
def test_which_trouble_passes_and_how_it_is_called(error: Exception, reason: str | None) -> None:
    assert passing_reason(error) == reason
