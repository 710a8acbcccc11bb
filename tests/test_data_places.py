"""Where the data is: two settings determine every path."""

from pathlib import Path
from typing import Any

import pytest

from glyphd.errors import InvalidSettings
from glyphd.settings import load_settings, settings_of_file


@pytest.mark.parametrize(
    ("flags", "archive", "folder", "name"),
    [
        ({}, "data/gpu.sqlite", "data", "gpu"),
        ({"data_dir": "/srv/gpu"}, "/srv/gpu/gpu.sqlite", "/srv/gpu", "gpu"),
        ({"db_path": "/srv/market.db"}, "/srv/market.db", "/srv", "market.db"),
        ({"db_path": "market.sqlite"}, "market.sqlite", ".", "market"),
        ({"db_path": "market.SQLITE"}, "market.SQLITE", ".", "market.SQLITE"),
        ({"db_path": "/srv/market"}, "/srv/market", "/srv", "market"),
        ({"db_path": "/srv/a.b.sqlite"}, "/srv/a.b.sqlite", "/srv", "a.b"),
        (
            {"db_path": "/fast/market.db", "data_dir": "/large"},
            "/fast/market.db",
            "/large",
            "market.db",
        ),
    ],
)
def test_every_path_follows_from_the_two_given(
    flags: dict[str, Any], archive: str, folder: str, name: str
) -> None:
    settings = load_settings(**flags)
    assert settings.archive_path == Path(archive)
    names = {
        "registry_path": "registry.sqlite",
        "queue_path": "queue.sqlite",
        "uploads_dir": "uploads",
        "locks_dir": "locks",
        "scratch_dir": "tmp",
    }
    assert {path: getattr(settings, path) for path in names} == {
        path: Path(folder, f"{name}.{ending}") for path, ending in names.items()
    }
    shown = settings.shown()
    assert (shown["db_path"], shown["data_dir"]) == (
        str(Path(archive).absolute()),
        str(Path(folder).absolute()),
    )


@pytest.mark.parametrize(
    "name",
    [
        "..",
        "gpu.registry.sqlite",
        "GPU.Registry.SQLite",
        "gpu.queue.sqlite",
        "gpu.queue.sqlite.bell",
        "gpu.db.uploads",
        "gpu.locks",
        "gpu.tmp",
        "gpu.migrate.lock",
        "gpu.sqlite-wal",
        "gpu.db-shm",
        "gpu.db-journal",
    ],
)
def test_an_archive_may_not_have_the_name_of_another_ones_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidSettings, match="must "):
        load_settings(db_path=tmp_path / name)
    with pytest.raises(InvalidSettings, match="must "):
        settings_of_file(tmp_path / name)


@pytest.mark.parametrize("path", ["", ".", "/", "data/.."])
def test_an_archive_needs_a_name(path: str) -> None:
    with pytest.raises(InvalidSettings, match="must name a file"):
        load_settings(db_path=Path(path))


def test_an_archive_opened_by_its_path_has_its_companions_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLYPHD_DATA_DIR", "/elsewhere")
    monkeypatch.setenv("GLYPHD_DATABASE_URL", "postgresql://db/gpu")
    settings = settings_of_file(tmp_path / "gpu.db")
    assert (settings.registry_path, settings.database_url) == (
        tmp_path / "gpu.db.registry.sqlite",
        None,
    )
