"""One function classifies the errors of a database."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from peewee import DatabaseError, IntegrityError, InterfaceError, OperationalError, SqliteDatabase

from glyphd.db.troubles import Trouble, trouble_of


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (OperationalError("database is locked"), Trouble.BUSY),
        (sqlite3.OperationalError("database is locked"), Trouble.BUSY),
        (OperationalError("database or disk is full"), Trouble.FULL),
        (OperationalError("server closed the connection unexpectedly"), Trouble.LOST),
        (DatabaseError("database disk image is malformed"), Trouble.DAMAGED),
        (sqlite3.DatabaseError("file is not a database"), Trouble.DAMAGED),
        (OperationalError("no such table: jobs"), Trouble.SCHEMA),
        (OperationalError("attempt to write a readonly database"), Trouble.FORBIDDEN),
        (OperationalError('FATAL: database "full_names" is unheard of'), None),
        (InterfaceError("of a kind nobody has seen"), Trouble.LOST),
        (psycopg.OperationalError("the connection is lost"), Trouble.LOST),
        (OperationalError("malformed JSON"), None),
        (IntegrityError("UNIQUE constraint failed: full_names.busy"), None),
        (ValueError("database is locked"), None),
    ],
    ids=repr,
)
def test_by_what_it_says(error: Exception, trouble: Trouble | None) -> None:
    assert trouble_of(error) is trouble


@pytest.mark.parametrize(
    ("kind", "trouble"),
    [
        (psycopg.errors.DataCorrupted, Trouble.DAMAGED),
        (psycopg.errors.IndexCorrupted, Trouble.DAMAGED),
        (psycopg.errors.AdminShutdown, Trouble.LOST),
        (psycopg.errors.ConnectionFailure, Trouble.LOST),
        (psycopg.errors.QueryCanceled, Trouble.LIMITED),
        (psycopg.errors.ConfigurationLimitExceeded, Trouble.TOO_LARGE),
        (psycopg.errors.OutOfMemory, Trouble.LIMITED),
        (psycopg.errors.DiskFull, Trouble.FULL),
        (psycopg.errors.DeadlockDetected, Trouble.BUSY),
        (psycopg.errors.InsufficientPrivilege, Trouble.FORBIDDEN),
        (psycopg.errors.ReadOnlySqlTransaction, Trouble.DEMOTED),
        (psycopg.errors.UndefinedColumn, Trouble.SCHEMA),
        (psycopg.errors.UniqueViolation, None),
    ],
)
def test_by_the_state_that_postgresql_gives(kind: type[psycopg.Error], trouble: Trouble) -> None:
    assert trouble_of(kind("invalid page in block 0 of relation base/1/2")) is trouble


def test_by_the_code_behind_peewees_own_error(tmp_path: Path) -> None:
    (tmp_path / "letter").write_bytes(b"dear" * 1000)
    with (
        closing(SqliteDatabase(str(tmp_path / "letter"))) as database,
        pytest.raises(DatabaseError) as caught,
    ):
        database.execute_sql("SELECT * FROM sqlite_master")
    original: Any = caught.value
    assert trouble_of(DatabaseError(original.orig, "in other words")) is Trouble.DAMAGED


def test_a_text_that_is_none_is_damage() -> None:
    with (
        closing(sqlite3.connect(":memory:")) as connection,
        pytest.raises(sqlite3.OperationalError) as caught,
    ):
        connection.execute("SELECT CAST(x'ff' AS TEXT)").fetchall()
    assert trouble_of(caught.value) is Trouble.DAMAGED
