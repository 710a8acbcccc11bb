"""Where data and code come from: each archive has its own files, and no file in the current folder
is executed."""

import ctypes
import os
import socket
import sqlite3
import stat
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.processes import (
    GLYPHD,
    Process,
    final_status,
    get,
    many_offers,
    run,
    serving,
    upload,
)

SHADOWED = (
    "click",
    "email",
    "glyphd",
    "huey",
    "json",
    "multiprocessing",
    "peewee",
    "signal",
    "sitecustomize",
    "sqlite3",
    "structlog",
    "typing",
    "usercustomize",
    "worker",
)
LARGE = 5_000
"""With this many offers, `_large` is over 8 MiB, which another process reads."""

Environment = Mapping[str, str]
NONE: Environment = {}


def _large() -> bytes:
    return many_offers(LARGE).replace(b"https://", b"https://" + b"a" * 1700 + b".")


def _listed(api: Process, import_id: str) -> int:
    return len(get(api.address, f"/api/listings?import_id={import_id}&fields=model"))


def test_two_archives_in_one_folder_share_nothing(tmp_path: Path) -> None:
    """Every import that a service reports as succeeded is in the archive of that service."""
    assert (
        run("init-db", "--db-path", "data/gpu.db", environment=NONE, folder=tmp_path).returncode
        == 0
    )
    made = run("migrate", environment=NONE, folder=tmp_path)
    assert made.stdout.startswith(f"created a new archive: {tmp_path / 'data' / 'gpu.sqlite'}\n")
    with (
        serving(environment=NONE, folder=tmp_path) as one,
        serving("--db-path", "data/gpu.db", environment=NONE, folder=tmp_path) as other,
    ):
        apis = [one, other, one, other, other]
        accepted = [
            (api, upload(api.address, many_offers(number + 1))) for number, api in enumerate(apis)
        ]
        for number, (api, status) in enumerate(accepted):
            assert final_status(api.address, status["import_id"])["status"] == "succeeded"
            assert _listed(api, status["import_id"]) == number + 1
        assert [len(get(api.address, "/api/imports")) for api in (one, other)] == [2, 3]
    assert {path.name for path in (tmp_path / "data").iterdir() if path.is_dir()} == {
        f"gpu{name}.{ending}" for name in ("", ".db") for ending in ("uploads", "locks", "tmp")
    }


@pytest.fixture
def hostile_folder(tmp_path: Path) -> Path:
    """A folder full of modules that record that they were run."""
    folder = tmp_path / "hostile"
    folder.mkdir()
    for name in SHADOWED:
        (folder / f"{name}.py").write_text(
            "open('ran', 'a').write(__name__ + '\\n')\nraise SystemExit(9)\n"
        )
    (folder / "glyphd" / "db").mkdir(parents=True)
    (folder / "worker").mkdir()
    for package in (folder / "glyphd", folder / "worker"):
        (package / "__init__.py").write_text("open('ran', 'a').write(__name__ + '\\n')\n")
    return folder


def test_no_code_of_the_current_folder_runs(hostile_folder: Path) -> None:
    with serving(environment=NONE, folder=hostile_folder) as api:
        for csv, count in ((many_offers(1), 1), (_large(), LARGE)):
            accepted = upload(api.address, csv)
            assert final_status(api.address, accepted["import_id"])["record_count"] == count
        assert run("worker", "--ping", environment=NONE, folder=hostile_folder).returncode == 0
    with serving("--no-worker", environment=NONE, folder=hostile_folder) as api:
        queued = upload(api.address, _large())["import_id"]
        assert run("worker", "--once", environment=NONE, folder=hostile_folder).returncode == 0
        assert final_status(api.address, queued)["record_count"] == LARGE
    for command in (["check"], ["verify", "--all"], ["backup", "copy"]):
        assert run(*command, environment=NONE, folder=hostile_folder).returncode == 0
    assert not (hostile_folder / "ran").exists()


def test_another_module_of_that_name_is_not_taken_for_the_worker(tmp_path: Path) -> None:
    path = tmp_path / "path"
    path.mkdir()
    (path / "worker.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nraise SystemExit(9)\n")
    with serving(environment={"PYTHONPATH": str(path)}, folder=tmp_path) as api:
        accepted = upload(api.address, _large())
        assert final_status(api.address, accepted["import_id"])["record_count"] == LARGE
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "256.1.1.1"])
def test_a_serve_that_can_not_listen_leaves_nothing_behind(tmp_path: Path, host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run("serve", "--host", host, "--port", port, environment=NONE, folder=tmp_path)
    assert (ended.returncode, ended.stdout, len(ended.stderr.splitlines())) == (2, "", 1)
    assert "can't listen on" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_everything_is_its_owners_alone(tmp_path: Path) -> None:
    """For any umask of the caller, and for files left by version 1."""
    folder, copy = tmp_path / "new" / "data", tmp_path / "copies" / "one"
    before = os.umask(0)
    try:
        with serving("--data-dir", str(folder), environment=NONE) as api:
            for csv in (many_offers(3), _large(), many_offers(3) + b"L4,x,1,\n"):
                accepted = upload(api.address, csv, "?on_error=skip")
                assert final_status(api.address, accepted["import_id"])["status"] == "succeeded"
            found = _open_to_others(tmp_path / "new")
        for file in folder.joinpath("gpu.uploads").iterdir():
            file.chmod(0o644)
        assert run("backup", copy, "--data-dir", folder, environment=NONE).returncode == 0
    finally:
        os.umask(before)
    assert found == []
    assert _open_to_others(tmp_path / "copies") == []


def _open_to_others(folder: Path) -> list[Path]:
    return [
        path for path in (folder, *folder.rglob("*")) if stat.S_IMODE(path.stat().st_mode) & 0o077
    ]


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """A backup of a service with one import."""
    folder, copy = tmp_path / "data", tmp_path / "copy"
    with serving("--data-dir", str(folder), environment=NONE) as api:
        accepted = upload(api.address, many_offers(100))
        assert final_status(api.address, accepted["import_id"])["status"] == "succeeded"
    assert run("backup", copy, "--data-dir", folder, environment=NONE).returncode == 0
    return copy


@pytest.fixture
def write_protect() -> Iterator[Callable[[Path], None]]:
    """Makes a folder and everything in it read-only, and makes it writable again after the test."""
    protected: list[Path] = []

    def protect(folder: Path) -> None:
        protected.extend((folder, *folder.rglob("*")))
        for path in protected:
            path.chmod(path.stat().st_mode & ~0o222)

    yield protect
    for path in protected:
        path.chmod(path.stat().st_mode | 0o200)


def test_a_backup_that_can_not_be_written_to_is_verified(
    backup: Path, write_protect: Callable[[Path], None], tmp_path: Path
) -> None:
    write_protect(backup)
    before = sorted(backup.rglob("*"))
    verified = _run_bound_by_modes("verify", "--all", "--data-dir", backup)
    assert (verified.returncode, verified.stderr) == (0, "")
    assert (
        verified.stdout == "no difference: 1 kept file, 1 import with 100 rows, 0 without a file\n"
    )
    assert _run_bound_by_modes("check", "--data-dir", backup).returncode == 0
    assert _run_bound_by_modes("backup", tmp_path / "another", "--data-dir", backup).returncode == 0
    assert sorted(backup.rglob("*")) == before


def test_what_a_log_needs_that_can_not_be_written_to_is_one_line(
    backup: Path, write_protect: Callable[[Path], None]
) -> None:
    """A process changed the copy and was killed: part of the archive is in its `-wal`."""
    with closing(sqlite3.connect(backup / "gpu.sqlite")) as archive:
        archive.execute("UPDATE models SET vram_gb = vram_gb")
        archive.commit()
        log = (backup / "gpu.sqlite-wal").read_bytes()
    (backup / "gpu.sqlite-wal").write_bytes(log)
    write_protect(backup)
    for command in (["verify", "--all"], ["check"], ["backup", backup.with_name("another")]):
        found = _run_bound_by_modes(*command, "--data-dir", backup)
        assert (found.returncode, len(found.stderr.splitlines())) == (2, 1), found.stderr
        assert "gpu.sqlite can't be read in a read-only folder" in found.stderr
        assert str(backup / "gpu.sqlite") in found.stderr
    assert not backup.with_name("another").exists()


def _run_bound_by_modes(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs a `glyphd` command that is bound by file modes, even as root."""
    return subprocess.run(
        [GLYPHD, *arguments],
        preexec_fn=_give_up_overrides,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def _give_up_overrides() -> None:
    """Drops CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH with PR_CAPBSET_DROP: root loses them at the
    next exec."""
    libc = ctypes.CDLL(None)
    for capability in (1, 2):
        libc.prctl(24, capability, 0, 0, 0)
