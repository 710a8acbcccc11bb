"""The commands for the upkeep of an archive, run for real, with uploads in a bucket."""

import os
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from glyphd.settings import Settings
from tests.chaos.clusters import environment_of
from tests.e2e.processes import data_in, run
from tests.postgres_server import client_programs
from tests.service import Service, offers, open_service
from tests.upkeep.stories import live

ROW = "L4,1,0.9,EU,Acme,2025-07-28"
LOOKING = (["check"], ["verify", "--all"])


@pytest.fixture
def way() -> str:
    return "shared"


def _run(settings: Settings, *command: str | Path) -> "CompletedProcess[str]":
    path = f"{client_programs()}{os.pathsep}{os.environ['PATH']}"
    return run(*command, environment=environment_of(settings) | {"PATH": path})


def _kept(service: Service) -> dict[str, bytes]:
    return {name: service.kept_bytes(name) for name in service.kept()}


def test_a_backup_has_the_files_of_the_bucket(service: Service, tmp_path: Path) -> None:
    live(service)
    for command in LOOKING:
        looked = _run(service.settings, *command)
        assert looked.returncode == 0, looked.stderr
    made = _run(service.settings, "backup", tmp_path / "copy")
    assert (made.returncode, "5 imports" in made.stdout) == (0, True), made.stderr
    copied = {path.name: path.read_bytes() for path in (tmp_path / "copy/gpu.uploads").iterdir()}
    assert copied == _kept(service)


def test_a_backup_of_an_archive_on_sqlite_is_a_data_folder_without_a_bucket(
    tmp_path: Path, bucket_url: str
) -> None:
    service = open_service(Settings(data_dir=tmp_path / "data", upload_url=bucket_url))
    live(service)
    made = _run(service.settings, "backup", tmp_path / "copy")
    assert made.returncode == 0, made.stderr
    for command in LOOKING:
        looked = run(*command, environment=data_in(tmp_path / "copy"))
        assert looked.returncode == 0, looked.stderr


def test_what_the_bucket_has_lost_or_changed_is_named(service: Service, tmp_path: Path) -> None:
    changed, lost, _ = (service.import_csv(offers(ROW))["import_id"] for _ in range(3))
    service.services.uploads.put(f"{changed}.csv", b"other")
    service.services.uploads.delete(f"{lost}.csv")
    for command in (*LOOKING, ["backup", tmp_path / "copy"]):
        found = _run(service.settings, *command)
        said = found.stdout + found.stderr
        named = [import_id for import_id in (changed, lost) if f"import {import_id}: " in said]
        assert (found.returncode != 0, named) == (True, [changed, lost]), said
