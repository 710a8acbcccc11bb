"""What the database tests share."""

import shutil
from pathlib import Path

import pytest

from glyphd.db.migration_sets import migrations_folder


@pytest.fixture
def more_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations to add steps to, used in place of the packaged ones."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrations_folder(), folder)
    monkeypatch.setattr("glyphd.db.migration_sets.migrations_folder", lambda: folder)
    return folder
