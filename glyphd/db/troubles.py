"""What kind of problem a database error is, for both databases and every library that raises
one."""

import re
import sqlite3
from collections.abc import Mapping
from enum import Enum

from peewee import InterfaceError, OperationalError, PeeweeException

from glyphd.db.dialects import cause_of

DATABASE_ERRORS = (PeeweeException, sqlite3.Error, UnicodeDecodeError)
"""What a database may raise. Peewee passes SQLite's own errors on when they come while rows are
fetched, and Python can't decode a message of SQLite's that quotes a damaged name."""


UNREADABLE: tuple[type[Exception], ...] = (*DATABASE_ERRORS, LookupError, TypeError, ValueError)
"""What reading may raise where anything may be stored: a value of another type than its column's
fails as it is converted or compared, an encoding that does not exist as it is looked up."""


class Trouble(Enum):
    """The kinds that are answered in different ways, in words that are safe to show. Any other
    error is our bug."""

    BUSY = "the database is busy"
    FULL = "the database has no space to write"
    LOST = "the connection to the database was lost"
    LIMITED = "the database stopped the work at one of its limits"
    TOO_LARGE = "the database stopped the work at one of its limits: that of temporary files"
    FORBIDDEN = "the database does not allow the work: it is read-only, or a privilege is missing"
    SCHEMA = "the database has another schema than this version of glyphd"
    DAMAGED = "what is stored can't be read"


PASSING_TROUBLES = (Trouble.BUSY, Trouble.FULL, Trouble.LOST, Trouble.LIMITED, Trouble.TOO_LARGE)
"""What says nothing about what is stored: it may be over soon."""

_DAMAGED_CODES = frozenset(
    {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_TOOBIG,  # a value longer than any that glyphd stores
        sqlite3.SQLITE_IOERR_READ,  # a sector of the disk that can't be read any more
        sqlite3.SQLITE_IOERR_CORRUPTFS,
    }
)

_SQLITE_CODES: Mapping[int, Trouble] = {
    sqlite3.SQLITE_BUSY: Trouble.BUSY,
    sqlite3.SQLITE_LOCKED: Trouble.BUSY,
    # It gave up on a log that others begin, end or mend all the time.
    sqlite3.SQLITE_PROTOCOL: Trouble.BUSY,
    sqlite3.SQLITE_FULL: Trouble.FULL,
    sqlite3.SQLITE_IOERR: Trouble.FULL,
    sqlite3.SQLITE_CANTOPEN: Trouble.LOST,
    sqlite3.SQLITE_NOMEM: Trouble.LIMITED,
    sqlite3.SQLITE_INTERRUPT: Trouble.LIMITED,
    sqlite3.SQLITE_READONLY: Trouble.FORBIDDEN,
    sqlite3.SQLITE_PERM: Trouble.FORBIDDEN,
    sqlite3.SQLITE_AUTH: Trouble.FORBIDDEN,
    sqlite3.SQLITE_SCHEMA: Trouble.SCHEMA,
}
"""By the primary code, which is the last byte of the one that SQLite gives."""

_POSTGRES_STATES: Mapping[str, Trouble] = {
    "XX001": Trouble.DAMAGED,  # data_corrupted
    "XX002": Trouble.DAMAGED,  # index_corrupted
    "53100": Trouble.FULL,  # disk_full
    "53400": Trouble.TOO_LARGE,  # temp_file_limit
    "53": Trouble.LIMITED,  # memory, connections
    "54": Trouble.LIMITED,
    "57014": Trouble.LIMITED,  # a time-out, or somebody cancelled the statement
    "25006": Trouble.FORBIDDEN,  # read_only_sql_transaction
    "42501": Trouble.FORBIDDEN,  # insufficient_privilege
    "28": Trouble.FORBIDDEN,  # the role may not log in any more
    "0A000": Trouble.SCHEMA,  # a prepared statement whose table was changed
    "3D": Trouble.SCHEMA,  # no such database
    "3F": Trouble.SCHEMA,  # no such schema
    "42P01": Trouble.SCHEMA,  # undefined_table
    "42703": Trouble.SCHEMA,  # undefined_column
    "40": Trouble.BUSY,  # deadlocks
    "55": Trouble.BUSY,  # locks
    "25P03": Trouble.LOST,  # time-outs that end the session
    "25P04": Trouble.LOST,
    "08": Trouble.LOST,
    "57": Trouble.LOST,  # the server shuts down, or somebody ended the session
    "58": Trouble.LOST,  # an error of the server's system
}
"""By SQLSTATE, else by its class, the first two characters."""

_SIGNS: Mapping[Trouble, tuple[str, ...]] = {
    Trouble.DAMAGED: (
        "image is malformed",
        "malformed database schema",
        "not a database",
        "decode to utf-8",  # Python, of a text whose bytes are none
    ),
    Trouble.BUSY: ("locked", "locking protocol", "busy"),
    Trouble.FULL: ("full", "disk i/o"),
    Trouble.FORBIDDEN: ("readonly", "read-only", "permission denied"),
    Trouble.SCHEMA: ("no such table", "no such column", "has no column named"),
    Trouble.LOST: ("unable to open", "connection", "terminat", "does not answer"),
}
"""For errors that come without a code."""


def trouble_of(error: BaseException) -> Trouble | None:
    """The kind of problem, or None for any other error."""
    cause = cause_of(error)
    if not is_database_error(cause):
        return None
    original = getattr(cause, "orig", None) or cause
    by_code = _by_code(original)
    if by_code is not None:
        return by_code
    kind = _by_words(str(cause).lower())
    if kind is Trouble.DAMAGED:
        return kind
    if isinstance(cause, InterfaceError):
        return kind or Trouble.LOST
    is_operational = isinstance(
        cause, OperationalError | sqlite3.OperationalError
    ) or _is_of_psycopg(cause)
    return kind if is_operational else None


def is_database_error(error: BaseException) -> bool:
    """Whether a database raised it: through Peewee, or by SQLite or psycopg alone."""
    return isinstance(error, DATABASE_ERRORS) or _is_of_psycopg(error)


def _is_of_psycopg(error: BaseException) -> bool:
    """By its name, since psycopg need not be installed."""
    return any(kind.__module__.partition(".")[0] == "psycopg" for kind in type(error).__mro__)


def _by_code(error: BaseException) -> Trouble | None:
    if isinstance(error, UnicodeDecodeError):
        return Trouble.DAMAGED if b"malformed database" in error.object else None
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        if code in _DAMAGED_CODES or code & 0xFF in _DAMAGED_CODES:
            return Trouble.DAMAGED
        return _SQLITE_CODES.get(code & 0xFF)
    state = getattr(error, "sqlstate", None) or ""
    return _POSTGRES_STATES.get(state) or _POSTGRES_STATES.get(state[:2])


def _by_words(text: str) -> Trouble | None:
    """Quoted text is a user's name for something, not a word of the database."""
    said = re.sub(r'"[^"]*"', "", text)
    return next(
        (kind for kind, signs in _SIGNS.items() if any(sign in said for sign in signs)), None
    )
