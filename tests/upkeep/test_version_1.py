"""Archives of version 1: everything refuses them, and only `glyphd rebuild` changes them, by
recreating them."""

import re
import shlex
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from glyphd import SqliteListingStore
from glyphd.errors import SchemaOutdated
from glyphd.settings import Settings
from tests.e2e.processes import final_status, get, run, serving, upload
from tests.service import Service, close_services, offers, open_service
from tests.upkeep.ledgers_of_version_1 import ARCHIVES, EVENTS, REFUSED, invoke, unpack

every_archive = pytest.mark.parametrize("name", ARCHIVES)


def _bytes_in(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _registry(folder: Path, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / "gpu.registry.sqlite")) as registry, registry:
        return registry.execute(statement, values).fetchall()


@every_archive
@pytest.mark.parametrize(
    "command",
    [
        "serve --port 0",
        "worker",
        "worker --once",
        "worker --ping",
        "init-db",
        "migrate",
        "migrate --to registry:1",
        "migrate --to registry:3",
        "migrate --to archive:0 --drop-data",
        "check",
        "verify --all",
        "backup copy",
        "rebuild --into new.sqlite",
    ],
)
def test_it_is_refused_in_one_sentence_and_nothing_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, command: str
) -> None:
    archive = unpack(name, tmp_path)
    monkeypatch.chdir(tmp_path)
    before = _bytes_in(tmp_path)
    found = invoke(*command.split(), "--db-path", archive)
    assert (found.exit_code, found.stdout) == (2, "")
    assert re.fullmatch(
        rf"glyphd: {archive} is an archive of version 1, .*`glyphd rebuild .*\n", found.stderr
    )
    assert _bytes_in(tmp_path) == before


@every_archive
def test_the_library_refuses_it(tmp_path: Path, name: str) -> None:
    archive = unpack(name, tmp_path)
    before = _bytes_in(tmp_path)
    with pytest.raises(SchemaOutdated, match=f"glyphd rebuild --db-path {archive}`"):
        SqliteListingStore(archive)
    assert _bytes_in(tmp_path) == before


@every_archive
def test_the_command_that_the_refusal_names_makes_a_folder_that_serves(
    tmp_path: Path, name: str
) -> None:
    unpack(name, tmp_path)
    flags = [] if name == "gpu.sqlite" else ["--db-path", f"data/{name}"]
    refused = run("serve", *flags, environment={}, folder=tmp_path)
    (command,) = re.findall("`glyphd (.*?)`", refused.stderr)
    rebuilt = run(*shlex.split(command), environment={}, folder=tmp_path)
    assert (rebuilt.returncode, rebuilt.stderr) == (0, "")
    with serving(*flags, environment={}, folder=tmp_path) as api:
        (waiting,) = get(api.address, "/api/imports?limit=1")
        assert final_status(api.address, waiting["import_id"])["record_count"] == 1
        assert final_status(
            api.address, upload(api.address, b"model,price_usd,score\nL4,1,1\n")["import_id"]
        )
        assert len(get(api.address, "/api/listings?history=true")) == EVENTS + 2
        statuses = [row["status"] for row in get(api.address, "/api/imports")]
        assert (len(statuses), statuses.count("succeeded")) == (10, 8)
        assert [row["rolled_back_at"] is None for row in get(api.address, "/api/imports")].count(
            False
        ) == 1
    assert run("verify", "--all", *flags, environment={}, folder=tmp_path).returncode == 0
    assert run("check", *flags, environment={}, folder=tmp_path).returncode == 0


@every_archive
def test_it_says_where_the_old_files_are_and_what_only_they_have(tmp_path: Path, name: str) -> None:
    archive = unpack(name, tmp_path)
    old = archive.read_bytes()
    found = invoke("rebuild", "--db-path", archive)
    first, aside, *notes, note = found.stdout.splitlines()
    assert first == f"{archive}: 5 imports with {EVENTS} events, 3 rollbacks and restores"
    assert all(said in line for said, line in zip(REFUSED, notes, strict=True))
    folder = Path(aside.removeprefix("what it replaced is in "))
    assert (folder / name).read_bytes() == old
    assert {path.name for path in folder.iterdir()} == {name, "gpu.registry.sqlite"}
    assert (
        note == "only the old archive has 1 import written through the library, without a kept file"
    )
    prefix = "gpu" if name == "gpu.sqlite" else name
    assert all(
        path.name.startswith(f"{prefix}.") or path.name == name for path in archive.parent.iterdir()
    )
    assert [
        path for path in archive.parent.rglob("*") if path.is_file() and path.stat().st_mode & 0o077
    ] == []


@every_archive
@pytest.mark.parametrize("step", range(5))
def test_killed_at_any_step_it_can_be_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, step: int
) -> None:
    archive = unpack(name, tmp_path)
    calls: list[str] = []

    def stopping(change: Callable[..., Any]) -> Callable[..., Any]:
        def run_or_stop(*arguments: Any, **named: Any) -> Any:
            calls.append(change.__name__)
            if len(calls) > step:
                raise KeyboardInterrupt
            return change(*arguments, **named)

        return run_or_stop

    with monkeypatch.context() as patched:
        for change in (Path.rename, Path.replace, Path.hardlink_to):
            patched.setattr(Path, change.__name__, stopping(change))
        invoke("rebuild", "--db-path", archive)
    assert len(calls) > 0
    is_refused = invoke("check", "--db-path", archive).exit_code == 2
    if is_refused:
        assert invoke("rebuild", "--db-path", archive).exit_code == 0
    assert invoke("verify", "--all", "--db-path", archive).stdout.startswith(
        "no difference: 9 kept files, 5 imports"
    )
    assert list(archive.parent.glob("*rebuilding*")) == []


def test_archives_that_shared_a_registry_become_one(tmp_path: Path) -> None:
    archive = unpack("gpu.db", tmp_path)
    other = archive.with_name("gpu.sqlite")
    shutil.copy(archive, other)
    for _ in range(2):
        before = _bytes_in(tmp_path)
        refused = invoke("rebuild", "--db-path", archive)
        assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
        assert f"shared its registry with {other}" in refused.stderr
        assert _bytes_in(tmp_path) == before
        (command,) = re.findall("`glyphd (.*?)`", refused.stderr)
        found = invoke(*shlex.split(command))
        assert (
            f"{archive} shared this registry: the imports of both are in the new archive"
            in found.stdout
        )
    assert invoke("verify", "--all", "--db-path", other).exit_code == 0


def test_an_archive_that_was_renamed_finds_its_registry(tmp_path: Path) -> None:
    archive = unpack("gpu.sqlite", tmp_path)
    renamed = archive.rename(archive.with_name("market.db"))
    assert invoke("rebuild", "--db-path", renamed).exit_code == 0
    assert invoke("verify", "--all", "--db-path", renamed).exit_code == 0
    assert (renamed.parent / "market.db.uploads").is_dir()


def test_the_registry_of_another_archive_is_not_taken(tmp_path: Path) -> None:
    archive = unpack("gpu.db", tmp_path)
    _registry(archive.parent, "UPDATE registry_identity SET archive_id = 'another'")
    before = _bytes_in(tmp_path)
    found = invoke("rebuild", "--db-path", archive)
    assert (found.exit_code, found.stderr) == (
        2,
        f"glyphd: no registry in {archive.parent} belongs to the archive {archive}\n",
    )
    assert _bytes_in(tmp_path) == before


def test_a_missing_kept_file_stops_it_and_changes_nothing(tmp_path: Path) -> None:
    archive = unpack("gpu.db", tmp_path)
    (name,) = _registry(archive.parent, "SELECT upload_name FROM jobs WHERE id = 1")[0]
    (archive.parent / "gpu.uploads" / name).unlink()
    before = _bytes_in(tmp_path)
    found = invoke("rebuild", "--db-path", archive)
    assert (found.exit_code, name.partition(".")[0] in found.stderr) == (2, True)
    after = _bytes_in(tmp_path)
    assert {path: after[path] for path in before} == before
    assert {path.name for path in after.keys() - before.keys()} <= {"gpu.db.migrate.lock"}


def _import_of(folder: Path, content: bytes) -> str:
    """The id of the import whose kept file contains this."""
    (path,) = (
        path for path in (folder / "gpu.uploads").glob("*.csv") if content in path.read_bytes()
    )
    return path.stem


def _rebuilt(archive: Path) -> tuple[Service, list[str]]:
    found = invoke("rebuild", "--db-path", archive)
    assert found.exit_code == 0, found.stderr
    assert invoke("verify", "--all", "--db-path", archive).exit_code == 0
    return open_service(Settings(db_path=archive, database_url=None)), found.stdout.splitlines()


@every_archive
def test_rows_that_are_refused_now_are_left_out_and_told(tmp_path: Path, name: str) -> None:
    archive = unpack(name, tmp_path)
    import_id = _import_of(archive.parent, b"EUR")
    service, lines = _rebuilt(archive)
    assert any(line.startswith(f"import {import_id}: {REFUSED[0]}") for line in lines)
    status = service.status(import_id)
    assert (status["status"], status["record_count"], status["error_count"]) == ("succeeded", 1, 1)
    (error,) = service.http.get(f"/api/imports/{import_id}/errors").json
    assert (error["row"], error["code"]) == (2, "unsupported_currency")
    assert len(service.listings(f"?import_id={import_id}")) == 1
    assert status["effect"]["new"] == 1


@every_archive
def test_an_import_whose_file_is_refused_now_has_failed_and_keeps_it(
    tmp_path: Path, name: str
) -> None:
    archive = unpack(name, tmp_path)
    import_id = _import_of(archive.parent, b"P100")
    service, lines = _rebuilt(archive)
    assert any(line.startswith(f"import {import_id}: {REFUSED[1]}") for line in lines)
    status = service.status(import_id)
    assert (status["status"], status["record_count"], status["rolled_back_at"]) == (
        "failed",
        0,
        None,
    )
    assert b"P100,500" in service.http.get(f"/api/imports/{import_id}/file").body
    close_services(service.services)
    again = invoke("rebuild", "--db-path", archive)
    assert again.stdout.splitlines()[0] == lines[0]
    refused = service.http.post(f"/api/imports/{import_id}/retry", status=422).json
    assert (refused["code"], "appears twice" in refused["detail"]) == ("file_refused", True)


@every_archive
def test_while_a_service_runs_it_is_refused(tmp_path: Path, name: str) -> None:
    archive = unpack(name, tmp_path)
    with closing(sqlite3.connect(archive)) as held:
        held.execute("SELECT count(*) FROM import_batches").fetchone()
        found = invoke("rebuild", "--db-path", archive)
    assert (found.exit_code, "is in use: stop the service first" in found.stderr) == (2, True)
    now = "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')"
    _registry(archive.parent, f"INSERT INTO workers VALUES ('a', 'here', 1, {now}, {now})")
    found = invoke("rebuild", "--db-path", archive)
    assert (found.exit_code, "a worker is running" in found.stderr) == (2, True)


def test_a_ledger_of_this_version_is_made_again_in_place(service: Service) -> None:
    service.import_csv(offers("L4,1,0.9,EU,Acme,2025-07-28"))
    folder = service.settings.data_dir
    service.settings.archive_path.write_bytes(b"damaged")
    for leftover in ("-wal", "-shm"):
        Path(f"{service.settings.archive_path}{leftover}").unlink(missing_ok=True)
    close_services(service.services)
    found = invoke("rebuild", "--data-dir", folder)
    assert found.stdout.splitlines()[0].endswith(
        ": 1 import with 1 event, 0 rollbacks and restores"
    )
    assert (next(folder.glob("gpu.replaced-*")) / "gpu.sqlite").read_bytes() == b"damaged"
    assert len(service.listings()) == 1
