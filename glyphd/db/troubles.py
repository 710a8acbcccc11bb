"""What kind of problem a database error is, for both databases and every library that raises
one."""

import re
import sqlite3
from collections.abc import Mapping
from enum import Enum

from peewee import InterfaceError, OperationalError, PeeweeException

from glyphd.db.dialects import cause_of

DATABASE_ERRORS = (PeeweeException, sqlite3.Error, UnicodeDecodeError)
"""The errors that a database can raise. Peewee does not wrap SQLite's errors that occur while rows
are fetched, and Python can't decode a message of SQLite that quotes a damaged name."""


UNREADABLE: tuple[type[Exception], ...] = (*DATABASE_ERRORS, LookupError, TypeError, ValueError)
"""The errors that reading can raise if anything may be stored: a value of the wrong type can't be
converted or compared, an encoding may not exist."""


class Trouble(Enum):
    """The kinds of trouble that are handled differently, with texts that are safe to show. Any
    other error is a bug."""

    BUSY = "the database is busy"
    FULL = "the database has no space left"
    LOST = "the connection to the database was lost"
    LIMITED = "the database stopped the operation at one of its limits"
    TOO_LARGE = "the database stopped the operation at its limit for temporary files"
    FORBIDDEN = "the database refused the operation: it is read-only, or a privilege is missing"
    DEMOTED = "the database is read-only, as a standby or a demoted server is"
    SCHEMA = "the schema of the database does not match this version of glyphd"
    DAMAGED = "the stored data can't be read"


PASSING_TROUBLES = (
    Trouble.BUSY,
    Trouble.FULL,
    Trouble.LOST,
    Trouble.LIMITED,
    Trouble.TOO_LARGE,
    Trouble.DEMOTED,
)
"""The kinds that may be temporary and do not mean that stored data is wrong."""

_DAMAGED_CODES = frozenset(
    {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_TOOBIG,  # a value longer than any that glyphd stores
        sqlite3.SQLITE_IOERR_READ,  # a sector of the disk that can no longer be read
        sqlite3.SQLITE_IOERR_CORRUPTFS,
    }
)

_SQLITE_CODES: Mapping[int, Trouble] = {
    sqlite3.SQLITE_BUSY: Trouble.BUSY,
    sqlite3.SQLITE_LOCKED: Trouble.BUSY,
    # SQLite gave up because other processes kept opening, closing or recovering the log.
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
"""The kinds by the primary code, which is the last byte of SQLite's extended code."""

_POSTGRES_STATES: Mapping[str, Trouble] = {
    "XX001": Trouble.DAMAGED,  # data_corrupted
    "XX002": Trouble.DAMAGED,  # index_corrupted
    "53100": Trouble.FULL,  # disk_full
    "53400": Trouble.TOO_LARGE,  # temp_file_limit
    "53": Trouble.LIMITED,  # memory, connections
    "54": Trouble.LIMITED,
    "57014": Trouble.LIMITED,  # a time-out, or the statement was cancelled
    "25006": Trouble.DEMOTED,  # read_only_sql_transaction
    "42501": Trouble.FORBIDDEN,  # insufficient_privilege
    "28": Trouble.FORBIDDEN,  # the role is no longer allowed to log in
    "0A000": Trouble.SCHEMA,  # a prepared statement whose table was changed
    "3D": Trouble.SCHEMA,  # no such database
    "3F": Trouble.SCHEMA,  # no such schema
    "42P01": Trouble.SCHEMA,  # undefined_table
    "42703": Trouble.SCHEMA,  # undefined_column
    "40": Trouble.BUSY,  # deadlocks, and on a standby conflicts with what it replays
    "55": Trouble.BUSY,  # locks
    "25P03": Trouble.LOST,  # time-outs that end the session
    "25P04": Trouble.LOST,
    "08": Trouble.LOST,
    "57": Trouble.LOST,  # the server shuts down, or the session was terminated
    "58": Trouble.LOST,  # an error of the server's system
}
"""The kinds by SQLSTATE, else by its class, which is the first two characters."""

_SIGNS: Mapping[Trouble, tuple[str, ...]] = {
    Trouble.DAMAGED: (
        "image is malformed",
        "malformed database schema",
        "not a database",
        "decode to utf-8",  # Python, for bytes that are not valid text
    ),
    Trouble.BUSY: ("locked", "locking protocol", "busy"),
    Trouble.FULL: ("full", "disk i/o"),
    Trouble.FORBIDDEN: ("readonly", "read-only", "permission denied"),
    Trouble.SCHEMA: ("no such table", "no such column", "has no column named"),
    Trouble.LOST: ("unable to open", "connection", "terminat", "does not answer"),
}
"""For errors without a code."""


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
    """Whether a database raised it, through Peewee or directly from SQLite or psycopg."""
    return isinstance(error, DATABASE_ERRORS) or _is_of_psycopg(error)


def _is_of_psycopg(error: BaseException) -> bool:
    """Compares by name, because psycopg may not be installed."""
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
    """The kind by the words of a message. Quoted text is ignored, because it is a name."""
    said = re.sub(r'"[^"]*"', "", text)
    return next(
        (kind for kind, signs in _SIGNS.items() if any(sign in said for sign in signs)), None
    )
