"""Damages a SQLite file as a failing disk would: below SQLite, so that it does not notice."""

import sqlite3
from contextlib import closing
from pathlib import Path

PAGE_BYTES = 4096


def settle(path: Path) -> None:
    """Copies the log into the file, so that the log does not hide later damage."""
    with closing(sqlite3.connect(path)) as connection:
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        assert not busy


def overwrite(path: Path, start: int, content: bytes) -> None:
    """Overwrites the bytes at `start`."""
    with path.open("r+b") as file:
        file.seek(start)
        file.write(content)


def overwrite_table(path: Path, table: str) -> None:
    """Makes the first page of a table, or of an index, unreadable."""
    settle(path)
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        (number,) = connection.execute(query, (table,)).fetchone()
    overwrite(path, (number - 1) * PAGE_BYTES, b"\xff" * PAGE_BYTES)


def is_sound(path: Path) -> bool:
    """Whether SQLite finds no fault in a file: the standard for our own checks."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.text_factory = bytes
            found = connection.execute("PRAGMA integrity_check").fetchall()
            return (
                found == [(b"ok",)]
                and not connection.execute("PRAGMA foreign_key_check").fetchall()
            )
    except (sqlite3.Error, UnicodeDecodeError):
        return False
