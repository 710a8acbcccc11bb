"""The search for damage: reports of SQLite and PostgreSQL about their own files, as lines, never as
a traceback."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from glyphd.db.damage import (
    CheckEnded,
    DamageCheck,
    databases_to_check,
    file_to_check,
    find_damage,
    find_queue_damage,
)
from glyphd.db.postgres_sessions import open_postgres
from glyphd.settings import Settings
from tests.damaging import PAGE_BYTES, overwrite, overwrite_table, settle
from tests.db.ledger import fill_archive
from tests.db.postgres_damage import damaged_copy


@pytest.fixture
def filled(sqlite_settings: Settings) -> Settings:
    """A small ledger on SQLite."""
    fill_archive(sqlite_settings)
    return sqlite_settings


def test_a_sound_ledger_has_none(database_settings: Settings) -> None:
    fill_archive(database_settings)
    assert find_damage(database_settings) == []


def test_what_is_not_there_is_not_damaged(empty_sqlite_settings: Settings) -> None:
    assert find_damage(empty_sqlite_settings) == []
    assert not empty_sqlite_settings.data_dir.exists()


@pytest.mark.parametrize(
    "table", ["scored_listings", "scored_listings_by_import", "import_batches"]
)
@pytest.mark.parametrize("quick", [True, False])
def test_a_page_overwritten_is_told(filled: Settings, table: str, quick: bool) -> None:
    overwrite_table(filled.archive_path, table)
    lines = DamageCheck(databases_to_check(filled), quick=quick).run()
    assert lines
    assert all(line.startswith("archive: ") for line in lines)


def test_an_index_that_lacks_a_row_is_told_in_full(filled: Settings) -> None:
    """Every page is sound by itself: only a full check compares an index with its table."""
    path = filled.archive_path
    with (
        _hidden(path, "gpumodel_canonical_model"),
        closing(sqlite3.connect(path)) as archive,
        archive,
    ):
        archive.execute("UPDATE models SET canonical_model = 'other'")
    assert DamageCheck(databases_to_check(filled), quick=True).run() == []
    assert find_damage(filled) != []


def test_a_reference_to_nothing_is_told(filled: Settings) -> None:
    with closing(sqlite3.connect(filled.archive_path)) as connection, connection:
        connection.execute("UPDATE quantized_listings SET import_id = 'nobody'")
    (line,) = find_damage(filled)
    assert line.startswith("archive: row ")
    assert line.endswith(
        "of quantized_listings refers to a row of scored_listings that does not exist"
    )


@pytest.mark.parametrize("start", [0, 16, 100])
def test_a_first_page_that_is_none_is_told(filled: Settings, start: int) -> None:
    settle(filled.registry_path)
    overwrite(filled.registry_path, start, b"\xfe" * 100)
    lines = find_damage(filled)
    assert lines
    assert all(line.startswith("registry: ") for line in lines)


def test_a_file_cut_short_is_told(filled: Settings) -> None:
    settle(filled.archive_path)
    with filled.archive_path.open("r+b") as file:
        file.truncate(PAGE_BYTES * 4)
    assert find_damage(filled) != []


def test_a_damaged_queue_says_that_it_may_go(filled: Settings) -> None:
    filled.queue_path.write_bytes(b"no database at all" * 100)
    (line,) = find_queue_damage(filled)
    assert line.startswith("queue: it can't be read: file is not a database: it has only messages")


def test_there_may_be_no_queue(filled: Settings) -> None:
    assert find_queue_damage(filled) == []


def test_a_reference_to_nothing_is_told_on_postgresql(postgres_settings: Settings) -> None:
    fill_archive(postgres_settings)
    database = open_postgres(postgres_settings)
    with database.connection_context():
        database.execute_sql(
            "SET session_replication_role = replica"
        )  # references are not enforced
        database.execute_sql("UPDATE quantized_listings SET import_id = 'nobody'")
    assert find_damage(postgres_settings) == [
        "database: table quantized_listings has 1 row with a broken reference to scored_listings"
    ]


def test_a_page_overwritten_is_told_on_postgresql(postgres_settings: Settings) -> None:
    fill_archive(postgres_settings)
    with damaged_copy(postgres_settings, "scored_listings") as damaged:
        for quick in (True, False):
            line, *_ = DamageCheck(databases_to_check(damaged), quick=quick).run()
            assert line.startswith(
                "database: table scored_listings can't be read: invalid page in block 0"
            )


def test_it_can_be_ended_by_another_thread(tmp_path: Path) -> None:
    with _large_file(tmp_path / "large.sqlite") as path:
        check = DamageCheck({"large": file_to_check(path)})
        ended, found = Event(), []

        def run() -> None:
            try:
                found.append(check.run())
            except CheckEnded:
                ended.set()

        thread = Thread(target=run)
        thread.start()
        while not ended.wait(0.01) and thread.is_alive():
            check.end()
        thread.join()
        assert (ended.is_set(), found) == (True, [])


@contextmanager
def _large_file(path: Path) -> Iterator[Path]:
    """A file that is large enough for a check to take a while."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, filling TEXT UNIQUE)")
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)"
            " INSERT INTO rows SELECT i, hex(randomblob(20)) FROM n"
        )
    yield path


@contextmanager
def _hidden(path: Path, index: str) -> Iterator[None]:
    """Hides the index from SQLite, which then does not maintain it, until the end of the block."""
    with closing(sqlite3.connect(path)) as connection, connection:
        (row,) = connection.execute(
            "SELECT * FROM sqlite_master WHERE name = ?", (index,)
        ).fetchall()
        connection.execute("PRAGMA writable_schema = 1")
        connection.execute("DELETE FROM sqlite_master WHERE name = ?", (index,))
    yield
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA writable_schema = 1")
        connection.execute("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", row)
