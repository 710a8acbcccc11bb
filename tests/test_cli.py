"""The command line: what commands do and print, and their exit codes."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from glyphd.cli import main
from glyphd.db.connections import close_all
from glyphd.settings import Settings
from glyphd.storage.stores import SqliteListingStore
from tests.service import Service, offers

ROW = "L4,1,1,,,2025-01-01"


def _run(*arguments: str | Path, **environment: str) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], env=environment)


def _run_process(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "glyphd", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def _change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def test_a_bad_flag_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    found = _run("serve", "--port", "99999", "--data-dir", tmp_path)
    assert (found.exit_code, found.stderr.count("\n")) == (2, 1)
    assert found.stderr.startswith("glyphd: --port=99999: ")


def test_a_folder_that_can_not_be_made_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = _run("init-db", "--data-dir", tmp_path / "file" / "data")
    assert (found.exit_code, found.stderr.count("\n")) == (2, 1)
    assert "Not a directory" in found.stderr


def test_init_db_makes_what_is_missing_and_says_where(tmp_path: Path) -> None:
    for _ in range(2):
        found = _run("init-db", "--data-dir", tmp_path / "data")
        assert (found.exit_code, found.output) == (
            0,
            f"ready: {tmp_path / 'data' / 'gpu.sqlite'}\n",
        )
    assert (tmp_path / "data" / "gpu.registry.sqlite").exists()


def test_the_archive_may_be_named(tmp_path: Path) -> None:
    _run("init-db", "--db-path", tmp_path / "market.db")
    assert {"market.db", "market.db.registry.sqlite"} <= {file.name for file in tmp_path.iterdir()}


def test_the_environment_may_name_the_folder(tmp_path: Path) -> None:
    found = _run("init-db", GLYPHD_DATA_DIR=str(tmp_path / "data"))
    assert found.output == f"ready: {tmp_path / 'data' / 'gpu.sqlite'}\n"


def test_migrate_says_what_it_did(tmp_path: Path) -> None:
    first, *steps = _run("migrate", "--data-dir", tmp_path).output.splitlines()
    assert first == f"created a new archive: {tmp_path / 'gpu.sqlite'}"
    assert all(line.startswith(("applied archive ", "applied registry ")) for line in steps)
    assert (
        _run("migrate", "--data-dir", tmp_path).output
        == "nothing to do: the schema is already at that step\n"
    )


def test_migrate_goes_down_a_step_and_up_again(tmp_path: Path) -> None:
    _run("migrate", "--data-dir", tmp_path)
    assert (
        _run("migrate", "--data-dir", tmp_path, "--to", "archive:8").output
        == "reverted archive 009_model_order_filters\n"
    )
    applied = _run("migrate", "--data-dir", tmp_path).output
    assert applied == "applied archive 009_model_order_filters\n"


@pytest.mark.parametrize("target", ["archive:99", "archive", "queue:1", "1", "archive:-1"])
def test_migrate_refuses_a_step_that_there_is_not(tmp_path: Path, target: str) -> None:
    found = _run("migrate", "--data-dir", tmp_path, "--to", target)
    assert (found.exit_code, found.stderr.count("\n")) == (2, 1)
    assert "archive:0 to archive:" in found.stderr


def test_migrate_drops_data_only_when_told_to(service: Service) -> None:
    service.import_csv(offers(ROW))
    command = ("migrate", "--data-dir", service.settings.data_dir, "--to", "archive:0")
    refused = _run(*command)
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert "--drop-data" in refused.stderr
    assert len(service.listings()) == 1
    assert _run(*command, "--drop-data").exit_code == 0


def test_check_finds_nothing_wrong_with_a_sound_ledger(service: Service) -> None:
    service.import_csv(offers(ROW))
    found = _run("check", "--data-dir", service.settings.data_dir)
    assert (found.exit_code, found.output) == (0, f"no drift: {service.settings.archive_path}\n")


def test_check_reports_an_import_whose_batch_is_missing(service: Service) -> None:
    import_id = service.import_csv(offers(ROW), "?dry_run=true")["import_id"]
    service.alter(import_id, dry_run=False)
    found = _run("check", "--data-dir", service.settings.data_dir)
    assert (found.exit_code, found.output.splitlines()) == (
        1,
        [
            f"import {import_id}: succeeded, but not in the archive",
            f"import {import_id}: the manifest says dry_run True, the registry says False",
        ],
    )


def test_check_reports_drift(service: Service) -> None:
    _change(service.settings.archive_path, "ALTER TABLE models ADD COLUMN colour TEXT")
    _change(service.settings.registry_path, "DROP INDEX jobs_by_sha256")
    found = _run("check", "--data-dir", service.settings.data_dir)
    assert found.exit_code == 1
    assert "archive: column models.colour is not one of glyphd's" in found.output
    assert "registry: index jobs_by_sha256 of jobs is missing" in found.output


@pytest.mark.parametrize(
    "command",
    [["check"], ["verify", "--all"], ["backup", "copy"], ["rebuild"], ["worker", "--ping"]],
    ids=" ".join,
)
def test_what_works_with_an_archive_says_where_it_looked_and_makes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    found = _run(*command)
    assert (found.exit_code, found.stderr.count("\n"), found.stdout) == (2, 1, "")
    assert f" at {tmp_path / 'data' / 'gpu'}." in found.stderr
    assert "--db-path" in found.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "command", [["check"], ["verify", "--all"], ["backup", "copy"]], ids=" ".join
)
def test_an_archive_without_its_registry_is_named(tmp_path: Path, command: list[str]) -> None:
    SqliteListingStore(tmp_path / "gpu.sqlite")
    before = sorted(tmp_path.iterdir())
    found = _run(*command, "--data-dir", tmp_path)
    assert (found.exit_code, found.stderr.count("\n")) == (2, 1)
    assert f"there is no registry at {tmp_path / 'gpu.registry.sqlite'}" in found.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_looking_leaves_no_file_behind(service: Service) -> None:
    service.import_csv(offers(ROW))
    close_all(service.services.archive)
    folder = service.settings.data_dir
    shutil.rmtree(service.settings.scratch_dir)
    before = sorted(path for path in folder.rglob("*") if not path.name.startswith("gpu.queue."))
    for command in (
        ["check"],
        ["verify", "--all"],
        ["settings"],
        ["backup", folder.parent / "copy"],
    ):
        assert _run(*command, "--data-dir", folder).exit_code == 0
    assert (
        sorted(path for path in folder.rglob("*") if not path.name.startswith("gpu.queue."))
        == before
    )


def test_settings_shows_every_setting_with_its_variable(tmp_path: Path) -> None:
    output = _run("settings", "--data-dir", tmp_path, GLYPHD_THREADS="9").output
    lines = dict(line.split("=", 1) for line in output.splitlines() if line.startswith("GLYPHD_"))
    assert list(lines) == [f"GLYPHD_{name.upper()}" for name in Settings.model_fields]
    assert (lines["GLYPHD_THREADS"], lines["GLYPHD_DB_PATH"]) == ("9", str(tmp_path / "gpu.sqlite"))
    assert all(
        field.description in output for field in Settings.model_fields.values() if field.description
    )


def test_settings_shows_no_password() -> None:
    found = _run("settings", GLYPHD_DATABASE_URL="postgresql://me:s3cr3t@db/gpu")
    assert "GLYPHD_DATABASE_URL=postgresql://me:***@db/gpu" in found.output
    assert "s3cr3t" not in found.output


def test_settings_makes_nothing_and_says_that_there_is_nothing(tmp_path: Path) -> None:
    found = _run("settings", "--data-dir", tmp_path / "data")
    assert f"there is no archive at {tmp_path / 'data' / 'gpu.sqlite'} yet" in found.stderr
    assert not (tmp_path / "data").exists()


def test_worker_once_runs_what_is_queued_and_ends(service: Service) -> None:
    import_id = service.upload(offers(ROW)).json["import_id"]
    done = _run_process("worker", "--once", "--data-dir", service.settings.data_dir)
    assert (done.returncode, done.stdout) == (0, "")
    assert service.status(import_id)["status"] == "succeeded"
    assert '"event": "import_finished"' in done.stderr


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_an_old_schema_is_one_line_and_exit_code_2(service: Service, command: str) -> None:
    _run("migrate", "--data-dir", service.settings.data_dir, "--to", "archive:1")
    done = _run_process(command, "--data-dir", service.settings.data_dir)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "run `glyphd migrate`" in done.stderr
