"""Archive and registry belong together, or nothing starts."""

from pathlib import Path

import pytest

from glyphd.db.migrations import initialise, initialise_archive, migrate
from glyphd.db.pairing import ensure_archive_pair, require_no_mismatch
from glyphd.errors import ArchiveMismatch
from glyphd.settings import Settings
from tests.db.ledger import archive_rows, fill_archive, fill_registry, registry_rows


def _remove(path: Path) -> None:
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


def test_a_fresh_folder_is_made_and_paired(database_settings: Settings) -> None:
    initialise(database_settings)
    archive_id = ensure_archive_pair(database_settings)
    assert len(archive_id) == 32
    assert archive_rows(database_settings)["archive_identity"] == [(archive_id,)]
    assert registry_rows(database_settings)["registry_identity"] == [(archive_id,)]


def test_initialising_again_changes_nothing(database_settings: Settings) -> None:
    initialise(database_settings)
    archive_id = ensure_archive_pair(database_settings)
    initialise(database_settings)
    assert ensure_archive_pair(database_settings) == archive_id


def test_a_schema_made_by_hand_is_paired(database_settings: Settings) -> None:
    migrate(database_settings)
    assert require_no_mismatch(database_settings) == (None, None)
    archive_id = ensure_archive_pair(database_settings)
    assert require_no_mismatch(database_settings) == (archive_id, archive_id)


def test_a_fresh_registry_takes_the_id_of_the_archive(database_settings: Settings) -> None:
    initialise_archive(database_settings)
    archive_id, registry_id = require_no_mismatch(database_settings)
    assert archive_id is not None
    assert registry_id is None
    initialise(database_settings)
    assert ensure_archive_pair(database_settings) == archive_id


def test_a_fresh_archive_takes_the_id_of_a_registry_without_imports(sqlite_settings: Settings) -> None:
    initialise(sqlite_settings)
    archive_id = ensure_archive_pair(sqlite_settings)
    _remove(sqlite_settings.archive_path)
    initialise(sqlite_settings)
    assert ensure_archive_pair(sqlite_settings) == archive_id


def test_an_archive_alone_makes_no_registry(sqlite_settings: Settings) -> None:
    initialise_archive(sqlite_settings)
    initialise_archive(sqlite_settings)
    fill_archive(sqlite_settings)
    assert not sqlite_settings.registry_path.exists()


def test_a_lost_archive_is_not_replaced_by_an_empty_one(sqlite_settings: Settings) -> None:
    initialise(sqlite_settings)
    fill_registry(sqlite_settings)
    _remove(sqlite_settings.archive_path)
    with pytest.raises(ArchiveMismatch, match=r"knows 1 finished imports, but the archive is gone .* from a backup"):
        initialise(sqlite_settings)
    assert not sqlite_settings.archive_path.exists()


def test_an_emptied_archive_is_told(database_settings: Settings) -> None:
    initialise(database_settings)
    fill_registry(database_settings)
    migrate(database_settings, "archive:0", drop_data=True)
    for refuse in (initialise, ensure_archive_pair):
        with pytest.raises(ArchiveMismatch, match="gone or empty"):
            refuse(database_settings)


def test_archive_and_registry_of_two_ledgers_are_refused(sqlite_settings: Settings, tmp_path: Path) -> None:
    other = Settings(data_dir=tmp_path / "other")
    initialise(sqlite_settings)
    initialise(other)
    mixed = Settings(data_dir=sqlite_settings.data_dir, db_path=other.archive_path)
    for refuse in (initialise, ensure_archive_pair):
        with pytest.raises(ArchiveMismatch, match="do not belong together"):
            refuse(mixed)


def test_what_the_refusal_advises_helps(database_settings: Settings) -> None:
    initialise(database_settings)
    fill_registry(database_settings)
    migrate(database_settings, "archive:0", drop_data=True)
    migrate(database_settings, "registry:0", drop_data=True)
    migrate(database_settings)
    initialise(database_settings)
    assert registry_rows(database_settings)["jobs"] == []
