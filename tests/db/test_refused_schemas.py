"""Databases that are not migrated: another version, another encoding, or other content."""

from pathlib import Path

import pytest

from glyphd.db.migration_sets import ARCHIVE, require_current_schema
from glyphd.db.migrations import initialise, initialise_archive, migrate
from glyphd.errors import SchemaError, SchemaOutdated
from glyphd.settings import Settings
from tests.db.ledger import execute_in_archive
from tests.db.snapshots import schema_of

LAST = len(ARCHIVE.packaged())


def test_an_old_schema_is_refused_with_the_command(empty_database_settings: Settings) -> None:
    initialise(empty_database_settings)
    migrate(empty_database_settings, "archive:1")
    for refuse in (require_current_schema, initialise, initialise_archive):
        with pytest.raises(SchemaOutdated, match=f"step 1 of {LAST}: run `glyphd migrate`"):
            refuse(empty_database_settings)


@pytest.mark.parametrize("work", [require_current_schema, initialise, initialise_archive, migrate])
def test_a_newer_schema_is_refused_and_left_alone(
    empty_database_settings: Settings, work: object
) -> None:
    initialise(empty_database_settings)
    execute_in_archive(
        empty_database_settings,
        "INSERT INTO archive_migrations (name, migrated_at) VALUES ('999_later', '2026-01-01')",
    )
    before = schema_of(empty_database_settings)
    assert callable(work)
    with pytest.raises(SchemaError, match="999_later"):
        work(empty_database_settings)
    assert schema_of(empty_database_settings) == before


def test_steps_in_another_order_are_refused(empty_sqlite_settings: Settings) -> None:
    migrate(empty_sqlite_settings)
    execute_in_archive(empty_sqlite_settings, "DELETE FROM archive_migrations WHERE id = 1")
    with pytest.raises(SchemaError, match="another order: 002_orders"):
        migrate(empty_sqlite_settings)


def test_missing_migrations_are_an_error(
    empty_sqlite_settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("glyphd.db.migration_sets.migrations_folder", lambda: tmp_path / "nowhere")
    with pytest.raises(SchemaError, match="migrations of the archive are missing"):
        migrate(empty_sqlite_settings)
    assert not (tmp_path / "nowhere").exists()


def test_a_database_that_is_not_in_utf8_is_refused(empty_postgres_settings: Settings) -> None:
    name = "glyphd_latin"
    execute_in_archive(
        empty_postgres_settings,
        f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0",
    )
    try:
        url = str(empty_postgres_settings.database_url).replace(
            _name_in(empty_postgres_settings), name
        )
        with pytest.raises(SchemaError, match="LATIN1"):
            migrate(empty_postgres_settings.model_copy(update={"database_url": url}))
    finally:
        execute_in_archive(empty_postgres_settings, f"DROP DATABASE {name}")


def test_a_file_that_is_no_database_is_refused(empty_sqlite_settings: Settings) -> None:
    empty_sqlite_settings.data_dir.mkdir()
    empty_sqlite_settings.archive_path.write_text("a letter, long enough to be looked at " * 20)
    with pytest.raises(SchemaError, match=r"gpu\.sqlite can't be read$"):
        initialise(empty_sqlite_settings)


def test_a_database_of_something_else_is_left_alone(empty_sqlite_settings: Settings) -> None:
    empty_sqlite_settings.data_dir.mkdir()
    execute_in_archive(empty_sqlite_settings, "CREATE TABLE recipes (name TEXT)")
    before = empty_sqlite_settings.archive_path.read_bytes()
    for work in (initialise, initialise_archive, migrate):
        with pytest.raises(SchemaError, match="archive contains something else: recipes"):
            work(empty_sqlite_settings)
    assert empty_sqlite_settings.archive_path.read_bytes() == before


def _name_in(settings: Settings) -> str:
    return str(settings.database_url).partition("?")[0].rpartition("/")[2]
