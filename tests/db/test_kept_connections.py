"""Connections to SQLite files stay open after their use, but not after their file is gone."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest
from peewee import Database

from glyphd.db import connections
from glyphd.db.archive_models import ImportBatch
from glyphd.db.connections import (
    KeptSqliteFile,
    close_all,
    once_a_commit,
    open_archive,
    open_archive_for_imports,
    open_registry,
    small_cache,
)
from glyphd.errors import Answered, NotReady
from glyphd.settings import Settings
from tests.db.ledger import fill_archive


@pytest.fixture
def reader(sqlite_settings: Settings) -> Database:
    return open_archive(sqlite_settings, read_only=True)


def _used(database: Database) -> sqlite3.Connection:
    with database.connection_context():
        connection: sqlite3.Connection = database.connection()
        return connection


def _count(database: Database) -> int:
    with database.connection_context():
        return len(database.execute(ImportBatch.select()).fetchall())


@pytest.mark.parametrize(
    "open_it",
    [
        open_registry,
        open_archive_for_imports,
        lambda settings: open_archive(settings, read_only=True),
    ],
)
def test_the_next_use_takes_the_same_connection(
    sqlite_settings: Settings, open_it: Callable[[Settings], Database]
) -> None:
    database = open_it(sqlite_settings)
    first = _used(database)
    assert _used(database) is first
    close_all(database)


def test_one_that_is_not_used_again_is_closed(
    reader: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "KEPT_SECONDS", 60)
    connection = _used(reader)
    KeptSqliteFile.close_stale()
    connection.execute("SELECT 1")
    monkeypatch.setattr(connections, "KEPT_SECONDS", 0)
    KeptSqliteFile.close_stale()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_one_that_was_used_for_long_is_not_kept(
    reader: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "KEPT_SECONDS", 0)
    connection = _used(reader)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_another_thread_takes_it_over(reader: Database) -> None:
    found = []
    first = _used(reader)
    thread = Thread(target=lambda: found.append(_used(reader)))
    thread.start()
    thread.join()
    assert found == [first]
    close_all(reader)


def test_threads_at_the_same_time_have_connections_of_their_own(reader: Database) -> None:
    found = []
    with reader.connection_context():
        thread = Thread(target=lambda: found.append(_used(reader)))
        thread.start()
        thread.join()
        assert found != [reader.connection()]
    close_all(reader)


def test_a_kept_connection_sees_what_was_committed_meanwhile(
    sqlite_settings: Settings, reader: Database
) -> None:
    assert _count(reader) == 0
    fill_archive(sqlite_settings)
    assert _count(reader) == 1
    close_all(reader)


def test_a_file_in_the_place_of_the_old_one_is_noticed(
    sqlite_settings: Settings, reader: Database, tmp_path: Path
) -> None:
    empty = shutil.copy(sqlite_settings.archive_path, tmp_path / "empty.sqlite")
    fill_archive(sqlite_settings)
    assert _count(reader) == 1
    Path(empty).replace(sqlite_settings.archive_path)
    for suffix in ("-wal", "-shm"):
        Path(f"{sqlite_settings.archive_path}{suffix}").unlink(missing_ok=True)
    assert _count(reader) == 0
    close_all(reader)


def test_a_file_that_went_away_is_missing(sqlite_settings: Settings, reader: Database) -> None:
    _used(reader)
    sqlite_settings.archive_path.unlink()
    with pytest.raises(NotReady, match="there is no database"):
        _used(reader)


def test_an_answer_that_is_raised_keeps_the_connection(reader: Database) -> None:
    first = _used(reader)
    with pytest.raises(Answered), reader.connection_context():
        raise Answered
    assert _used(reader) is first
    close_all(reader)


def test_an_error_closes_the_connection(reader: Database) -> None:
    connection = _used(reader)
    with pytest.raises(ZeroDivisionError), reader.connection_context():
        raise ZeroDivisionError
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_nothing_stays_open_after_the_last_use(reader: Database) -> None:
    connection = _used(reader)
    close_all(reader)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_no_use_leaves_a_transaction_behind(sqlite_settings: Settings, reader: Database) -> None:
    _count(reader)
    fill_archive(sqlite_settings)
    with sqlite3.connect(sqlite_settings.archive_path) as writer:
        busy, _, _ = writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    writer.close()
    assert busy == 0
    close_all(reader)


def test_what_is_asked_once_a_commit_is_asked_again_after_one(
    sqlite_settings: Settings, reader: Database
) -> None:
    asked = []

    def count(database: Database) -> int:
        asked.append(database)
        return len(database.execute(ImportBatch.select()).fetchall())

    def told() -> int:
        with reader.connection_context():
            return once_a_commit(reader, count)

    assert (told(), told(), len(asked)) == (0, 0, 1)
    fill_archive(sqlite_settings)
    assert (told(), told(), len(asked)) == (1, 1, 2)
    close_all(reader)


def test_small_cache_is_for_a_while(reader: Database) -> None:
    with reader.connection_context():
        usual = reader.execute_sql("PRAGMA cache_size").fetchone()
        with small_cache(reader):
            assert reader.execute_sql("PRAGMA cache_size").fetchone() != usual
        assert reader.execute_sql("PRAGMA cache_size").fetchone() == usual
    close_all(reader)
