"""The WSGI application for other servers: nothing is created before it is needed."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from webtest import TestApp

import glyphd
from glyphd.application import _default_app, create_app
from glyphd.db.migrations import migrate
from glyphd.errors import ArchiveMismatch, InvalidSettings, SchemaOutdated
from glyphd.settings import Settings
from tests.service import offers, open_service, settings_in

IMPORT = """
import sys
import glyphd
from glyphd import app, create_app
assert "glyphd.application" in sys.modules
"""


@pytest.fixture
def fresh_default() -> Iterator[None]:
    """There is no default application before and after the test."""
    _default_app.cache_clear()
    yield
    _default_app.cache_clear()


def test_importing_it_makes_nothing(tmp_path: Path) -> None:
    environment = {**os.environ, "GLYPHD_PORT": "not a port"}
    done = subprocess.run(
        [sys.executable, "-c", IMPORT], cwd=tmp_path, env=environment, check=False
    )
    assert (done.returncode, list(tmp_path.iterdir())) == (0, [])


@pytest.mark.usefixtures("fresh_default")
def test_the_default_application_is_built_at_the_first_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    monkeypatch.setenv("GLYPHD_DATA_DIR", str(data))
    http = TestApp(glyphd.app)
    assert not data.exists()
    assert http.get("/api/listings").json == []
    assert (data / "gpu.sqlite").exists()


@pytest.mark.usefixtures("fresh_default")
def test_the_default_application_is_built_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLYPHD_DATA_DIR", str(tmp_path))
    http = TestApp(glyphd.app)
    http.get("/api/health")
    monkeypatch.setenv("GLYPHD_PORT", "not a port")
    assert http.get("/api/health").json == {"status": "ok"}


def test_settings_come_from_the_environment_unless_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLYPHD_DATA_DIR", str(tmp_path / "environment"))
    create_app()
    create_app(Settings(data_dir=tmp_path / "given"))
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["environment", "given"]


def test_a_bad_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLYPHD_PORT", "not a port")
    with pytest.raises(InvalidSettings, match="GLYPHD_PORT=not a port"):
        create_app()


def test_a_fresh_folder_needs_no_preparation(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "a" / "b")
    create_app(settings)
    assert settings.archive_path.exists()
    assert settings.registry_path.exists()
    assert settings.scratch_dir.is_dir()


def test_an_older_schema_is_refused_with_the_command(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    migrate(settings, "archive:1")
    with pytest.raises(SchemaOutdated, match="run `glyphd migrate`"):
        create_app(settings)


def test_an_archive_that_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    service = open_service(settings_in(tmp_path))
    service.import_csv(offers("L4,1,1,,,2025-01-01"))
    service.settings.archive_path.unlink()
    with pytest.raises(ArchiveMismatch, match="from a backup"):
        create_app(service.settings)
    assert not service.settings.archive_path.exists()


def test_every_name_it_exports_is_there() -> None:
    assert all(hasattr(glyphd, name) for name in glyphd.__all__)


def test_what_it_does_not_export_is_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = glyphd.nothing
