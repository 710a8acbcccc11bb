"""`glyphd backup` on PostgreSQL: a dump and the kept files, and a service that runs on their
restored copy."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import psycopg
import pytest
from click.testing import CliRunner, Result

from glyphd.cli import main
from glyphd.db.connections import close_all
from glyphd.errors import CannotBackUp
from glyphd.settings import Settings
from glyphd.upkeep.postgres_backup import OWNER_NAME
from glyphd.upkeep.postgres_tools import find_tools
from glyphd.upkeep.upload_copies import UNFINISHED
from tests.databases import with_database
from tests.postgres_server import client_programs
from tests.service import Service, offers, open_service
from tests.upkeep.stories import answers, live

DUMP = "gpu.dump"
ROW = "L4,1,0.9,EU,Acme,2025-07-28"
Restore = Callable[[Path], Service]


@pytest.fixture(autouse=True)
def server_programs_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{client_programs()}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def ledger(postgres_settings: Settings) -> Iterator[Service]:
    """A fresh service on PostgreSQL."""
    service = open_service(postgres_settings)
    yield service
    _close(service)


@pytest.fixture
def restore(postgres_database: str, tmp_path: Path) -> Iterator[Restore]:
    """Restores a backup as documented: into an empty database and an empty folder."""
    name = f"{postgres_database.partition('?')[0].rpartition('/')[2]}_restored"
    url, opened = with_database(postgres_database, name), list[Service]()

    def run(backup: Path) -> Service:
        with psycopg.connect(postgres_database, autocommit=True) as server:
            server.execute(f"CREATE DATABASE {name}".encode())
        subprocess.run(
            ["pg_restore", "--no-owner", "--exit-on-error", f"--dbname={url}", backup / DUMP],
            check=True,
        )
        folder = tmp_path / "restored"
        shutil.copytree(backup / "gpu.uploads", folder / "gpu.uploads")
        opened.append(open_service(Settings(data_dir=folder, database_url=url)))
        return opened[0]

    yield run
    for service in opened:
        _close(service)
    with psycopg.connect(postgres_database, autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())


def _close(service: Service) -> None:
    close_all(service.services.archive)
    close_all(service.services.registry.database)


def _run(service: Service, *command: str) -> Result:
    settings = service.settings
    return CliRunner().invoke(
        main,
        [*command, "--data-dir", str(settings.data_dir)],
        env={"GLYPHD_DATABASE_URL": settings.database_url},
    )


def _back_up(service: Service, folder: Path) -> Result:
    return _run(service, "backup", str(folder))


def _agrees(service: Service) -> bool:
    return [_run(service, *command).exit_code for command in (["check"], ["verify", "--all"])] == [
        0,
        0,
    ]


def test_a_restored_service_gives_every_answer(
    ledger: Service, restore: Restore, tmp_path: Path
) -> None:
    live(ledger)
    result = _back_up(ledger, tmp_path / "copy")
    assert (result.exit_code, "5 imports" in result.output) == (0, True), result.output
    restored = restore(tmp_path / "copy")
    assert answers(restored) == answers(ledger)
    assert _agrees(restored)


def test_a_backup_made_while_imports_come_in_is_consistent(
    ledger: Service, restore: Restore, tmp_path: Path
) -> None:
    """All backups go to one folder, each adding to the one before; nothing is missing in the last
    one."""
    ended = Event()

    def keep_importing() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            ledger.upload(
                offers(f"L4,{number},0.9,EU,Seller {number},2025-07-28"), Prefer="respond-async"
            )

    with ledger.live_worker():
        thread = Thread(target=keep_importing)
        thread.start()
        try:
            made = [_back_up(ledger, tmp_path / "copy") for _ in range(3)]
        finally:
            ended.set()
            thread.join()
    assert [result.exit_code for result in made] == [0] * 3, made[-1].output
    restored = restore(tmp_path / "copy")
    restored.work()
    imports = restored.http.get("/api/imports?limit=10000").json
    assert {row["status"] for row in imports} == {"succeeded"}
    assert len(restored.listings("?history=true")) == len(imports)
    assert _agrees(restored)


def test_the_next_backup_copies_only_what_is_missing(
    ledger: Service, restore: Restore, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    first = ledger.import_csv(offers(ROW))["import_id"]
    assert _back_up(ledger, folder).exit_code == 0
    kept = folder / "gpu.uploads" / f"{first}.csv"
    written = kept.stat()
    ledger.import_csv(offers(ROW, "A100,2,0.9,EU,Acme,2025-07-28"))
    result = _back_up(ledger, folder)
    assert "2 imports, 4 files" in result.output
    assert (kept.stat().st_ino, kept.stat().st_mtime_ns) == (written.st_ino, written.st_mtime_ns)
    assert len(restore(folder).listings("?history=true")) == 3


def test_a_copy_of_another_size_is_made_again(ledger: Service, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    import_id = ledger.import_csv(offers(ROW))["import_id"]
    assert _back_up(ledger, folder).exit_code == 0
    kept = folder / "gpu.uploads" / f"{import_id}.csv"
    kept.write_bytes(b"cut")
    (folder / "gpu.uploads" / f"{import_id}.json").write_text("{}")
    assert _back_up(ledger, folder).exit_code == 0
    assert kept.read_text() == offers(ROW)


def test_a_folder_of_anything_else_is_refused(ledger: Service, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / OWNER_NAME).write_text("another archive\n")
    result = _back_up(ledger, tmp_path / "copy")
    assert (result.exit_code, "not an earlier backup of this archive" in result.output) == (2, True)
    assert [file.name for file in (tmp_path / "copy").iterdir()] == [OWNER_NAME]


def test_a_damaged_file_is_named_and_the_earlier_backup_stays(
    ledger: Service, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    ledger.import_csv(offers(ROW))
    assert _back_up(ledger, folder).exit_code == 0
    before = (folder / DUMP).read_bytes()
    import_id = ledger.import_csv(offers(ROW))["import_id"]
    (ledger.settings.uploads_dir / f"{import_id}.csv").unlink()
    result = _back_up(ledger, folder)
    assert (result.exit_code, f"import {import_id}: the kept file" in result.stderr) == (2, True)
    assert (folder / DUMP).read_bytes() == before
    assert (folder / UNFINISHED / DUMP).exists()


def test_nobody_else_can_read_the_backup(ledger: Service, tmp_path: Path) -> None:
    ledger.import_csv(offers(ROW, "L4,$,0.9,EU,Acme,"), "?on_error=skip")
    assert _back_up(ledger, tmp_path / "copy").exit_code == 0
    found = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "copy").rglob("*")}
    folders = {"gpu.uploads"}
    assert found == {name: 0o700 if name in folders else 0o600 for name in found}


def test_a_missing_or_older_pg_dump_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old = tmp_path / "pg_dump"
    old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 98.2 (Debian 98.2-1)'\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_tools(980002).pg_dump == old
    with pytest.raises(CannotBackUp, match=r"needs pg_dump 99 or later; found: .*/pg_dump \(98\)"):
        find_tools(990001)


def test_the_password_is_in_no_command(
    ledger: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """All users of the machine can see the commands of its processes."""
    seen, programs = tmp_path / "seen", tmp_path / "bin"
    programs.mkdir()
    for name in ("pg_dump", "pg_restore"):
        real = client_programs() / name
        (programs / name).write_text(f'#!/bin/sh\necho "$@" >> {seen}\nexec {real} "$@"\n')
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    url = str(ledger.settings.database_url).replace("postgres@", "postgres:s3cret@")
    settings = ledger.settings.model_copy(update={"database_url": url})
    assert (
        _back_up(Service(settings, ledger.services, ledger.http), tmp_path / "copy").exit_code == 0
    )
    assert "--snapshot=" in seen.read_text()
    assert "s3cret" not in seen.read_text()
