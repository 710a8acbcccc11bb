"""Archive and registry must belong together, otherwise nothing starts."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from glyphd.db.connections import SqliteFile
from glyphd.db.migrations import initialise, initialise_archive, migrate
from glyphd.db.pairing import require_no_mismatch
from glyphd.errors import ArchiveMismatch
from glyphd.settings import Settings
from tests.db.ledger import archive_rows, fill_archive, fill_registry, registry_rows


def _shared_id(settings: Settings) -> str:
    archive_id, known_id = require_no_mismatch(settings)
    assert archive_id is not None
    assert archive_id == known_id
    return archive_id


def _remove(path: Path) -> None:
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


def test_a_fresh_folder_is_made_and_paired(empty_database_settings: Settings) -> None:
    initialise(empty_database_settings)
    archive_id = _shared_id(empty_database_settings)
    assert len(archive_id) == 32
    assert archive_rows(empty_database_settings)["archive_identity"] == [(archive_id,)]
    assert registry_rows(empty_database_settings)["registry_identity"] == [(archive_id, None)]


def test_initialising_again_changes_nothing(empty_database_settings: Settings) -> None:
    initialise(empty_database_settings)
    archive_id = _shared_id(empty_database_settings)
    initialise(empty_database_settings)
    assert _shared_id(empty_database_settings) == archive_id


def test_a_schema_made_by_hand_is_paired(empty_database_settings: Settings) -> None:
    migrate(empty_database_settings)
    assert require_no_mismatch(empty_database_settings) == (None, None)
    initialise(empty_database_settings)
    assert _shared_id(empty_database_settings)


def test_a_fresh_registry_takes_the_id_of_the_archive(empty_database_settings: Settings) -> None:
    initialise_archive(empty_database_settings)
    archive_id, registry_id = require_no_mismatch(empty_database_settings)
    assert archive_id is not None
    assert registry_id is None
    initialise(empty_database_settings)
    assert _shared_id(empty_database_settings) == archive_id


@pytest.mark.parametrize("others", [{"db_path": "gpu"}, {"db_path": "elsewhere/gpu.sqlite"}])
def test_a_fresh_archive_never_takes_the_registry_of_another_one(
    empty_sqlite_settings: Settings, others: dict[str, str]
) -> None:
    """File names may collide (`gpu` and `gpu.sqlite`), and two archives with one name may be given
    the same data folder."""
    initialise(empty_sqlite_settings)
    folder = empty_sqlite_settings.data_dir
    other = Settings(data_dir=folder, db_path=folder / others["db_path"])
    assert other.registry_path == empty_sqlite_settings.registry_path
    for refuse in (initialise, migrate):
        with pytest.raises(ArchiveMismatch, match="belongs to another archive"):
            refuse(other)
    assert not other.archive_path.exists()
    assert not other.archive_path.parent.joinpath("elsewhere").exists()


def test_of_archives_made_at_the_same_time_one_gets_the_registry(
    empty_sqlite_settings: Settings,
) -> None:
    folder = empty_sqlite_settings.data_dir
    rivals = [
        Settings(data_dir=folder, db_path=folder / str(number) / "gpu.sqlite")
        for number in range(8)
    ]

    def start(settings: Settings) -> bool:
        try:
            initialise(settings)
        except ArchiveMismatch:
            return False
        return True

    with ThreadPoolExecutor(len(rivals)) as pool:
        won = list(pool.map(start, rivals))
    assert won.count(True) == 1
    assert [settings.archive_path.exists() for settings in rivals] == won


def test_an_archive_alone_makes_no_registry(empty_sqlite_settings: Settings) -> None:
    initialise_archive(empty_sqlite_settings)
    initialise_archive(empty_sqlite_settings)
    fill_archive(empty_sqlite_settings)
    assert not empty_sqlite_settings.registry_path.exists()


def test_a_lost_archive_is_not_replaced_by_an_empty_one(empty_sqlite_settings: Settings) -> None:
    initialise(empty_sqlite_settings)
    fill_registry(empty_sqlite_settings)
    _remove(empty_sqlite_settings.archive_path)
    with pytest.raises(
        ArchiveMismatch, match=r"has 1 finished import, but the archive is missing .* from a backup"
    ):
        initialise(empty_sqlite_settings)
    assert not empty_sqlite_settings.archive_path.exists()


def test_an_emptied_archive_is_told(empty_database_settings: Settings) -> None:
    initialise(empty_database_settings)
    fill_registry(empty_database_settings)
    migrate(empty_database_settings, "archive:0", drop_data=True)
    for refuse in (initialise, require_no_mismatch):
        with pytest.raises(ArchiveMismatch, match="missing or empty"):
            refuse(empty_database_settings)


def test_archive_and_registry_of_two_ledgers_are_refused(
    empty_sqlite_settings: Settings, tmp_path: Path
) -> None:
    other = Settings(data_dir=tmp_path / "other")
    initialise(empty_sqlite_settings)
    initialise(other)
    mixed = Settings(data_dir=empty_sqlite_settings.data_dir, db_path=other.archive_path)
    for refuse in (initialise, require_no_mismatch):
        with pytest.raises(ArchiveMismatch, match="do not belong together"):
            refuse(mixed)


def test_what_the_refusal_advises_helps(empty_database_settings: Settings) -> None:
    initialise(empty_database_settings)
    fill_registry(empty_database_settings)
    migrate(empty_database_settings, "archive:0", drop_data=True)
    migrate(empty_database_settings, "registry:0", drop_data=True)
    migrate(empty_database_settings)
    initialise(empty_database_settings)
    assert registry_rows(empty_database_settings)["jobs"] == []


def test_a_start_opens_archive_and_registry_once_each(
    empty_sqlite_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    initialise(empty_sqlite_settings)
    opened: list[Path] = []
    connect = SqliteFile.connect

    def noted(database: SqliteFile, reuse_if_open: bool = False) -> bool:
        opened.append(database.path)
        return connect(database, reuse_if_open)

    monkeypatch.setattr(SqliteFile, "connect", noted)
    initialise(empty_sqlite_settings)
    assert opened == [empty_sqlite_settings.archive_path, empty_sqlite_settings.registry_path]
