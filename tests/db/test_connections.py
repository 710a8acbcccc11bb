"""Databases are opened with their safety settings, and errors are clear if they do not exist."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest
from peewee import Database, DatabaseError, IntegrityError, OperationalError

from glyphd.db import connections
from glyphd.db.archive_models import ImportBatch
from glyphd.db.connections import close_all, open_archive, open_archive_file, open_registry
from glyphd.db.migrations import initialise
from glyphd.errors import NotReady
from glyphd.private_files import make_file, make_folder
from glyphd.settings import MIB, Settings
from tests.db.ledger import BATCH, CAPACITIES, fill_archive

AWKWARD = "a b?c#d%41%&e=ü'\";*.sqlite"


def _pragma(database: Database, name: str) -> object:
    return database.execute_sql(f"PRAGMA {name}").fetchone()[0]


@pytest.mark.parametrize(
    "open_it", [lambda settings: open_archive(settings, read_only=False), open_registry]
)
def test_what_is_written_survives_a_power_cut(sqlite_settings: Settings, open_it: object) -> None:
    assert callable(open_it)
    database = open_it(sqlite_settings)
    with database.connection_context():
        assert _pragma(database, "journal_mode") == "wal"
        assert _pragma(database, "synchronous") == 2
        assert _pragma(database, "foreign_keys") == 1
        assert _pragma(database, "journal_size_limit") == 64 * MIB
        assert _pragma(database, "busy_timeout") == 30_000


def test_a_reader_sees_commits_and_changes_nothing(database_settings: Settings) -> None:
    reader = open_archive(database_settings, read_only=True)
    with reader.connection_context():
        assert reader.execute(ImportBatch.select()).fetchall() == []
        fill_archive(database_settings)
        assert len(reader.execute(ImportBatch.select()).fetchall()) == 1
        for statement in (
            "DELETE FROM quantized_listings",
            "DROP VIEW listings",
            "CREATE TABLE mine (id INTEGER)",
        ):
            with pytest.raises(DatabaseError, match=r"readonly|read-only"):
                reader.execute_sql(statement)
    close_all(reader)


def test_a_reader_can_not_make_itself_a_writer(sqlite_settings: Settings) -> None:
    reader = open_archive(sqlite_settings, read_only=True)
    with reader.connection_context():
        assert _pragma(reader, "query_only") == 1
        reader.execute_sql("PRAGMA query_only = 0")
        with pytest.raises(OperationalError, match="readonly"):
            reader.execute_sql("DELETE FROM import_batches")


def test_a_reader_can_open_an_archive_that_nobody_has_open(sqlite_settings: Settings) -> None:
    with closing(sqlite3.connect(sqlite_settings.archive_path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for name in ("gpu.sqlite-wal", "gpu.sqlite-shm"):
        (sqlite_settings.data_dir / name).unlink(missing_ok=True)
    reader = open_archive(sqlite_settings, read_only=True)
    with reader.connection_context():
        assert reader.execute(ImportBatch.select()).fetchall() == []


@pytest.mark.parametrize("read_only", [True, False])
def test_a_missing_archive_is_not_ready_and_not_made(
    empty_sqlite_settings: Settings, read_only: bool
) -> None:
    database = open_archive(empty_sqlite_settings, read_only=read_only)
    with (
        pytest.raises(NotReady, match=r"there is no database gpu\.sqlite yet"),
        database.connection_context(),
    ):
        pass
    with pytest.raises(NotReady):
        database.execute_sql("SELECT 1")
    assert not empty_sqlite_settings.data_dir.exists()


def test_an_archive_that_can_not_be_opened_is_not_ready(empty_sqlite_settings: Settings) -> None:
    make_folder(empty_sqlite_settings.archive_path)
    with pytest.raises(NotReady, match="can't be opened"):
        open_archive(empty_sqlite_settings, read_only=True).connect()


def test_opening_twice_is_the_callers_mistake(database_settings: Settings) -> None:
    database = open_archive(database_settings, read_only=True)
    with database.connection_context(), pytest.raises(OperationalError, match="already opened"):
        database.connect()
    close_all(database)


def test_an_archive_that_comes_later_is_found(empty_sqlite_settings: Settings) -> None:
    reader = open_archive(empty_sqlite_settings, read_only=True)
    with pytest.raises(NotReady):
        reader.connect()
    initialise(empty_sqlite_settings)
    with reader.connection_context():
        assert reader.table_exists("scored_listings")


def test_a_file_name_may_hold_any_character(tmp_path: Path) -> None:
    settings = Settings(db_path=tmp_path / AWKWARD / AWKWARD)
    initialise(settings)
    fill_archive(settings)
    reader = open_archive_file(settings.archive_path, read_only=True)
    with reader.connection_context():
        assert len(reader.execute(ImportBatch.select()).fetchall()) == 1
    assert settings.archive_path.stat().st_size > 0


def test_a_relative_path_is_taken_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    initialise(Settings(db_path=Path("here.sqlite")))
    assert (tmp_path / "here.sqlite").exists()


def test_files_and_folders_are_their_owners_alone(sqlite_settings: Settings) -> None:
    with open_archive(sqlite_settings, read_only=False).connection_context():
        fill_archive(sqlite_settings)
        modes = {
            file.name: stat.S_IMODE(file.stat().st_mode)
            for file in sqlite_settings.data_dir.iterdir()
        }
    assert {"gpu.sqlite", "gpu.sqlite-wal", "gpu.registry.sqlite"} <= modes.keys()
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(sqlite_settings.data_dir.stat().st_mode) == 0o700


def test_only_missing_folders_are_closed_to_others(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_folder(tmp_path / "a" / "b")
    modes = [
        stat.S_IMODE(folder.stat().st_mode)
        for folder in (tmp_path, tmp_path / "a", tmp_path / "a" / "b")
    ]
    assert modes == [0o755, 0o700, 0o700]


def test_folders_are_synced_where_they_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a power cut removes the folder, with everything that was synced in it."""
    synced: list[Path] = []
    monkeypatch.setattr(
        "os.fsync", lambda descriptor: synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())
    )
    make_folder(tmp_path / "a" / "b")
    assert synced == [tmp_path, tmp_path / "a"]


def test_a_file_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    make_file(tmp_path / "kept")
    assert (tmp_path / "kept").read_text() == "kept"


def test_references_are_enforced(database_settings: Settings) -> None:
    database = open_archive(database_settings, read_only=False)
    columns, values = ", ".join(CAPACITIES), ", ".join(repr(value) for value in CAPACITIES.values())
    with database.connection_context(), pytest.raises(IntegrityError):
        database.execute_sql(f"INSERT INTO quantized_listings ({columns}) VALUES ({values})")
    close_all(database)


def test_writers_wait_for_each_other(
    sqlite_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction takes the write lock when it begins: if it read first, it would fail at once
    instead of waiting."""
    monkeypatch.setattr(connections, "LOCK_WAIT_SECONDS", 0)
    first, second = (open_archive(sqlite_settings, read_only=False) for _ in range(2))
    with first.connection_context(), second.connection_context():
        with first.atomic(), pytest.raises(OperationalError, match="locked"), second.atomic():
            pass
        with second.atomic():
            second.execute(ImportBatch.insert(**BATCH))


def test_each_thread_has_a_connection_of_its_own(database_settings: Settings) -> None:
    database = open_archive(database_settings, read_only=True)
    closed_elsewhere: list[bool] = []
    with database.connection_context():
        thread = Thread(target=lambda: closed_elsewhere.append(database.is_closed()))
        thread.start()
        thread.join()
    assert closed_elsewhere == [True]
    close_all(database)
