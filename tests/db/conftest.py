"""Fixtures of the database tests."""

import shutil
from pathlib import Path

import pytest

from glyphd.db.migration_sets import migrations_folder


@pytest.fixture
def more_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations that a test can add to; it replaces the packaged ones."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrations_folder(), folder)
    monkeypatch.setattr("glyphd.db.migration_sets.migrations_folder", lambda: folder)
    return folder
