"""`glyphd backup`: a copy made while the service runs, and a service that runs on the copy."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Event, Thread

import pytest
from click.testing import CliRunner, Result

from glyphd.cli import main
from glyphd.upkeep.upload_copies import UNFINISHED
from tests.chaos.clusters import environment_of
from tests.damaging import overwrite_table
from tests.postgres_server import client_programs
from tests.service import Service, offers, open_service, settings_in
from tests.upkeep.stories import answers, live


def _back_up(service: Service, folder: Path) -> Result:
    path = f"{client_programs()}{os.pathsep}{os.environ['PATH']}"
    environment = environment_of(service.settings) | {"PATH": path}
    return CliRunner().invoke(main, ["backup", str(folder)], env=environment)


def test_a_service_on_the_copy_gives_every_answer(service: Service, tmp_path: Path) -> None:
    live(service)
    result = _back_up(service, tmp_path / "copy")
    assert result.exit_code == 0, result.output
    assert "5 imports" in result.output
    assert answers(open_service(settings_in(tmp_path / "copy"))) == answers(service)


def test_a_copy_made_while_imports_come_in_is_consistent(
    live_service: Service, tmp_path: Path
) -> None:
    """The copy's own worker completes the imports that are unfinished in it; nothing is missing."""
    ended = Event()

    def keep_importing() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            live_service.upload(
                offers(f"L4,{number},0.9,EU,Seller {number},2025-07-28"), Prefer="respond-async"
            )

    thread = Thread(target=keep_importing)
    thread.start()
    try:
        folders = [tmp_path / f"copy{number}" for number in range(5)]
        assert [_back_up(live_service, folder).exit_code for folder in folders] == [0] * 5
    finally:
        ended.set()
        thread.join()
    for folder in folders:
        copy = open_service(settings_in(folder))
        copy.work()
        imports = copy.http.get("/api/imports?limit=10000").json
        assert {row["status"] for row in imports} <= {"succeeded"}
        assert len(copy.listings("?history=true")) == len(imports)
        assert (
            CliRunner().invoke(main, ["verify", "--all", "--data-dir", str(folder)]).exit_code == 0
        )


def test_a_folder_in_use_is_refused(service: Service, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "letter").write_text("dear")
    result = _back_up(service, tmp_path / "copy")
    assert (result.exit_code, "is not empty" in result.output) == (2, True)
    assert [file.name for file in (tmp_path / "copy").iterdir()] == ["letter"]


@pytest.mark.every_way
@pytest.mark.parametrize("fault", ["altered", "missing"])
@pytest.mark.parametrize("ending", ["csv", "json", "errors.1.ndjson"])
def test_a_damaged_file_is_told(service: Service, tmp_path: Path, ending: str, fault: str) -> None:
    import_id = service.import_csv(
        offers("L4,1,0.9,EU,Acme,", "L4,$,0.9,EU,Acme,"), "?on_error=skip"
    )["import_id"]
    uploads, name = service.services.uploads, f"{import_id}.{ending}"
    uploads.put(name, b"other") if fault == "altered" else uploads.delete(name)
    lines = _refusal(service, tmp_path / "copy")
    assert lines
    assert all(line.startswith(f"import {import_id}: the ") for line in lines)


@pytest.mark.parametrize(
    ("path", "table"), [("archive_path", "scored_listings"), ("registry_path", "workers")]
)
def test_a_damaged_database_is_told(
    service: Service, tmp_path: Path, path: str, table: str
) -> None:
    service.import_csv(offers("L4,1,0.9,EU,Acme,"))
    overwrite_table(getattr(service.settings, path), table)
    lines = _refusal(service, tmp_path / "copy")
    assert lines
    assert all(line.startswith(f"{path.removesuffix('_path')}: ") for line in lines)


def test_a_reference_to_nothing_is_told(service: Service, tmp_path: Path) -> None:
    service.import_csv(offers("L4,1,0.9,EU,Acme,"))
    with closing(sqlite3.connect(service.settings.archive_path)) as archive, archive:
        archive.execute("UPDATE models SET import_id = 'nobody'")
    (line,) = _refusal(service, tmp_path / "copy")
    assert line == "archive: row 1 of models refers to a row of scored_listings that does not exist"


def test_everything_that_is_damaged_is_named_at_once(service: Service, tmp_path: Path) -> None:
    first, second = (service.import_csv(offers("L4,1,0.9,EU,Acme,"))["import_id"] for _ in range(2))
    (service.settings.uploads_dir / f"{first}.csv").write_bytes(b"other")
    (service.settings.uploads_dir / f"{second}.csv").unlink()
    overwrite_table(service.settings.archive_path, "scored_listings")
    told = "\n".join(_refusal(service, tmp_path / "copy"))
    assert all(name in told for name in ("archive: ", first, second))


def test_of_a_damaged_registry_whatever_can_be_read_is_copied(
    service: Service, tmp_path: Path
) -> None:
    service.import_csv(offers("L4,1,0.9,EU,Acme,"))
    overwrite_table(service.settings.registry_path, "jobs")
    assert _refusal(service, tmp_path / "copy")[-1].startswith(
        "registry: its list of files can't be read: "
    )
    assert (tmp_path / "copy" / UNFINISHED / "gpu.sqlite").exists()


def test_a_copy_that_is_not_complete_does_not_look_like_a_backup(
    service: Service, tmp_path: Path
) -> None:
    service.import_csv(offers("L4,1,0.9,EU,Acme,"))
    overwrite_table(service.settings.archive_path, "scored_listings")
    _refusal(service, tmp_path / "copy")
    assert [path.name for path in (tmp_path / "copy").iterdir()] == [UNFINISHED]
    assert CliRunner().invoke(main, ["check", "--data-dir", str(tmp_path / "copy")]).exit_code != 0
    assert "is not empty" in _back_up(service, tmp_path / "copy").output


def test_nobody_else_can_read_the_copy(service: Service, tmp_path: Path) -> None:
    service.import_csv(offers("L4,1,0.9,EU,Acme,", "L4,$,0.9,EU,Acme,"), "?on_error=skip")
    for path in service.settings.uploads_dir.iterdir():
        path.chmod(0o644)
    assert _back_up(service, tmp_path / "copy").exit_code == 0
    modes = {path: path.stat().st_mode & 0o777 for path in (tmp_path / "copy").rglob("*")}
    assert [
        path for path, mode in modes.items() if mode != (0o700 if path.is_dir() else 0o600)
    ] == []
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o700


def test_it_holds_the_copies_and_nothing_else(service: Service, tmp_path: Path) -> None:
    service.import_csv(offers("L4,1,0.9,EU,Acme,"))
    (tmp_path / "copy").mkdir()
    assert _back_up(service, tmp_path / "copy").exit_code == 0
    names = sorted(path.name for path in (tmp_path / "copy").iterdir())
    assert names == ["gpu.registry.sqlite", "gpu.sqlite", "gpu.uploads"]


@pytest.mark.every_way
def test_an_import_that_was_run_again_shares_its_upload(service: Service, tmp_path: Path) -> None:
    failed = service.import_csv(offers("L4,$,0.9,EU,Acme,"))["import_id"]
    service.http.post(f"/api/imports/{failed}/retry?on_error=skip")
    service.work()
    result = _back_up(service, tmp_path / "copy")
    assert (result.exit_code, "2 imports, 5 files" in result.output) == (0, True)


def _refusal(service: Service, folder: Path) -> list[str]:
    """The lines about what is missing or damaged."""
    result = _back_up(service, folder)
    head, *lines = result.stderr.splitlines()
    told = f"glyphd: the copy is incomplete and stays in {folder / UNFINISHED}; missing or damaged:"
    assert (result.exit_code, result.stdout, head) == (2, "", told)
    return lines
