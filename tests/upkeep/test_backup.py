"""`glyphd backup`: a copy made while the service goes on, and a service that runs on it."""

from pathlib import Path
from threading import Event, Thread

import pytest
from click.testing import CliRunner, Result

from glyphd.cli import main
from glyphd.settings import Settings
from tests.service import Service, offers, open_service, settings_in
from tests.upkeep.stories import answers, live


def _back_up(service: Service, folder: Path) -> Result:
    return CliRunner().invoke(main, ["backup", str(folder), "--data-dir", str(service.settings.data_dir)])


def test_a_service_on_the_copy_gives_every_answer(service: Service, tmp_path: Path) -> None:
    live(service)
    result = _back_up(service, tmp_path / "copy")
    assert result.exit_code == 0, result.output
    assert "5 imports" in result.output
    assert answers(open_service(settings_in(tmp_path / "copy"))) == answers(service)


def test_a_copy_made_while_imports_come_in_is_consistent(live_service: Service, tmp_path: Path) -> None:
    """What the copy calls unfinished is finished by the copy's own worker; nothing in it is missing."""
    ended = Event()

    def keep_importing() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            live_service.upload(offers(f"L4,{number},0.9,EU,Seller {number},2025-07-28"), Prefer="respond-async")

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
        assert CliRunner().invoke(main, ["verify", "--all", "--data-dir", str(folder)]).exit_code == 0


def test_a_folder_in_use_is_refused(service: Service, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "letter").write_text("dear")
    result = _back_up(service, tmp_path / "copy")
    assert (result.exit_code, "is not empty" in result.output) == (2, True)
    assert [file.name for file in (tmp_path / "copy").iterdir()] == ["letter"]


@pytest.mark.parametrize("fault", ["altered", "missing"])
def test_a_damaged_original_is_told(service: Service, tmp_path: Path, fault: str) -> None:
    import_id = service.import_csv(offers("L4,1,0.9,EU,Acme,"))["import_id"]
    upload = service.settings.uploads_dir / f"{import_id}.csv"
    upload.write_bytes(b"other") if fault == "altered" else upload.unlink()
    result = _back_up(service, tmp_path / "copy")
    assert (result.exit_code, import_id in result.output) == (2, True)


def test_postgresql_has_tools_of_its_own(postgres_settings: Settings, tmp_path: Path) -> None:
    environment = {"GLYPHD_DATABASE_URL": str(postgres_settings.database_url)}
    CliRunner().invoke(main, ["init-db"], env=environment)
    result = CliRunner().invoke(main, ["backup", str(tmp_path / "copy")], env=environment)
    assert (result.exit_code, "pg_dump" in result.output) == (2, True)
