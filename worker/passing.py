"""Problems outside the file, in texts that are safe for clients: the job is tried again later."""

import errno
from collections.abc import Mapping

from peewee import InterfaceError, InternalError, OperationalError

from glyphd.db.dialects import cause_of
from glyphd.db.troubles import Trouble, is_database_error, trouble_of
from glyphd.errors import SchemaError, SourceMissing, Unavailable

_NO_ROOM = "the disk is full"
_FILE_TROUBLES: Mapping[int, str] = {
    errno.ENOSPC: _NO_ROOM,
    errno.EDQUOT: _NO_ROOM,
    errno.EMFILE: "the worker has too many open files",
    errno.ENFILE: "the system has too many open files",
    errno.ENOMEM: "the worker is out of memory",
    errno.EAGAIN: "the system can't start another process or thread",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "the worker is not allowed to read or write its files",
    errno.EPERM: "the worker is not allowed to read or write its files",
}
NO_ROOM_BESIDE_RESERVE = "the disk has too little space for the import and its reserve"
ROOM_REASONS = frozenset(
    {_NO_ROOM, NO_ROOM_BESIDE_RESERVE, Trouble.FULL.value, Trouble.TOO_LARGE.value}
)
"""The disk or the database was full, or the job exceeded its share of it."""

_OTHER_FILE_TROUBLE = "the disk can't be read or written"
_OTHER_DATABASE_TROUBLE = "the database returned an error; the log has the details"


def passing_reason(error: Exception) -> str | None:
    """Why the job must be tried again later; None for damage, for errors in the file, and for bugs
    in glyphd."""
    cause = cause_of(error)
    if isinstance(cause, Unavailable | SchemaError | SourceMissing):
        return cause.detail
    if isinstance(cause, OSError):
        return _FILE_TROUBLES.get(cause.errno or 0, _OTHER_FILE_TROUBLE)
    if isinstance(cause, MemoryError):
        return _FILE_TROUBLES[errno.ENOMEM]
    return _database_reason(cause) if is_database_error(cause) else None


def is_for_want_of_room(error: Exception) -> bool:
    """Whether a disk or a database was full."""
    return passing_reason(error) in ROOM_REASONS


def _database_reason(error: BaseException) -> str | None:
    trouble = trouble_of(error)
    if trouble is Trouble.DAMAGED:
        return None
    if trouble is not None:
        return str(trouble.value)
    is_from_outside = isinstance(error, OperationalError | InternalError | InterfaceError)
    return _OTHER_DATABASE_TROUBLE if is_from_outside else None
