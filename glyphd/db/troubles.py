"""What kind of trouble an error of a database is, whichever of the two databases and whichever library raised it."""

import sqlite3
from collections.abc import Mapping
from enum import Enum

from peewee import OperationalError, PeeweeException

from glyphd.db.dialects import cause_of

DATABASE_ERRORS = (PeeweeException, sqlite3.Error, UnicodeDecodeError)
"""What a database may raise. Peewee passes SQLite's own errors on when they come while rows are fetched, and Python
can't decode a message of SQLite's that quotes a damaged name."""


UNREADABLE: tuple[type[Exception], ...] = (*DATABASE_ERRORS, LookupError, TypeError, ValueError)
"""What reading may raise where anything may be stored: a value of another type than its column's fails as it is
converted or compared, an encoding that does not exist as it is looked up."""


class Trouble(Enum):
    """The kinds that are answered in different ways. Any other error is a fault of ours."""

    BUSY = "somebody else holds a lock"
    FULL = "there is no room to write"
    LOST = "the database can't be reached"
    DAMAGED = "what is stored can't be read"


PASSING_TROUBLES = (Trouble.BUSY, Trouble.FULL, Trouble.LOST)
"""What is nobody's fault and may be over soon."""

_DAMAGED_CODES = frozenset(
    {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_TOOBIG,  # a value longer than any that glyphd stores
        sqlite3.SQLITE_IOERR_READ,  # a sector of the disk that can't be read any more
        sqlite3.SQLITE_IOERR_CORRUPTFS,
    }
)
_DAMAGED_STATES = ("XX001", "XX002")
"""PostgreSQL: data_corrupted, index_corrupted."""

_SIGNS: Mapping[Trouble, tuple[str, ...]] = {
    Trouble.DAMAGED: (
        "image is malformed",
        "malformed database schema",
        "not a database",
        "decode to utf-8",  # Python, of a text whose bytes are none
    ),
    Trouble.BUSY: (
        "locked",
        "locking protocol",  # SQLite gave up on a log that others begin, end or mend all the time
        "busy",
    ),
    Trouble.FULL: ("full", "disk i/o"),
    Trouble.LOST: ("unable to open", "connection", "terminat", "does not answer"),
}


def trouble_of(error: BaseException) -> Trouble | None:
    """The kind of trouble, or None for an error that is no database's, or none of these kinds."""
    cause = cause_of(error)
    if _has_damage_code(getattr(cause, "orig", cause)):
        return Trouble.DAMAGED
    if not isinstance(cause, DATABASE_ERRORS):
        return None
    text = str(cause).lower()
    found = (kind for kind, signs in _SIGNS.items() if any(sign in text for sign in signs))
    kind = next(found, None)
    is_operational = isinstance(cause, OperationalError | sqlite3.OperationalError)
    return kind if is_operational or kind is Trouble.DAMAGED else None


def _has_damage_code(error: BaseException) -> bool:
    if isinstance(error, UnicodeDecodeError):
        return b"malformed database" in error.object
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None and (code in _DAMAGED_CODES or code & 0xFF in _DAMAGED_CODES):
        return True
    return getattr(error, "sqlstate", None) in _DAMAGED_STATES
