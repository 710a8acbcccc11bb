"""A lost registry does not mean starting over: nothing starts, and kept uploads become imports
again."""

import json
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from glyphd.db.migration_sets import REGISTRY
from glyphd.db.postgres_sessions import open_postgres
from glyphd.db.registry_models import REGISTRY_MODELS
from glyphd.settings import Settings
from tests.databases import fresh_database
from tests.e2e.processes import (
    data_in,
    environment_of,
    final_status,
    get,
    many_offers,
    run,
    serving,
    until,
    upload,
)

REFUSAL = "kept uploads"


@dataclass(frozen=True)
class Past:
    """A ledger that was used and stopped: its folder, its database if it is on PostgreSQL, and its
    imports: one succeeded, one failed, and one rolled back."""

    folder: Path
    database: str
    ids: list[str]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def past(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Past]:
    """One on each database. Each test gets a copy, which it damages."""
    folder = tmp_path_factory.mktemp("past") / "data"
    environment = data_in(folder)
    if request.param == "sqlite":
        yield Past(folder, "", _live(environment))
        return
    server = request.getfixturevalue("postgres_url")
    with fresh_database(server, request.getfixturevalue("initialised_database")) as url:
        ids = _live(environment | {"GLYPHD_DATABASE_URL": url})
        yield Past(folder, urlsplit(url).path.removeprefix("/"), ids)


@pytest.fixture
def settings(past: Past, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Settings]:
    """Settings for a copy of the ledger."""
    folder = shutil.copytree(
        past.folder, tmp_path / "data", ignore=shutil.ignore_patterns("*.bell")
    )
    if not past.database:
        yield Settings(data_dir=folder)
        return
    server = request.getfixturevalue("postgres_url")
    with fresh_database(server, past.database) as url:
        yield Settings(data_dir=folder, database_url=url)


@pytest.fixture
def ids(past: Past) -> list[str]:
    return past.ids


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    """The environment of processes that share the copy."""
    return environment_of(settings)


def _lose(settings: Settings, *, archive: bool) -> None:
    """Deletes the registry's tables or file, and those of the archive too if `archive` is true."""
    if settings.database_url is None:
        doomed = ["gpu.registry.sqlite*"] + (["gpu.sqlite*"] if archive else [])
        for file in (file for pattern in doomed for file in settings.data_dir.glob(pattern)):
            file.unlink()
        return
    with closing(open_postgres(settings)) as database, database.connection_context():
        if archive:
            database.execute_sql("DROP SCHEMA public CASCADE")
            database.execute_sql("CREATE SCHEMA public")
        else:
            tables = [model._meta.table_name for model in REGISTRY_MODELS]
            for table in (*tables, REGISTRY.history_table):
                database.execute_sql(f"DROP TABLE {table} CASCADE")


def _kept_names(settings: Settings) -> list[str]:
    """The names in the data folder, except SQLite's logs: a process that only reads leaves the
    archive's log behind if it is the last to close it, and the next one to write there removes
    it."""
    names = (path.name for path in settings.data_dir.iterdir())
    return sorted(name for name in names if not name.endswith(("-wal", "-shm")))


def _post(address: str, path: str) -> dict[str, Any]:
    with urlopen(Request(address + path, b"", method="POST"), timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def _live(environment: dict[str, str]) -> list[str]:
    """Runs one successful import, one that fails, and one that is rolled back; returns their
    ids."""
    with serving(environment=environment) as service:
        files = [many_offers(5), b"model,price_usd,score\nL4,x,1\n", many_offers(3, price=50.0)]
        ids = [upload(service.address, file)["import_id"] for file in files]
        for import_id in ids:
            final_status(service.address, import_id)
        _post(service.address, f"/api/imports/{ids[2]}/rollback?reason=why")
        until(lambda: get(service.address, f"/api/imports/{ids[2]}")["rolled_back_at"])
        assert service.stop() == 0
    return ids


@pytest.mark.parametrize("archive", [False, True], ids=["registry", "both"])
def test_nothing_starts_anew_in_silence(
    environment: dict[str, str], settings: Settings, ids: list[str], archive: bool
) -> None:
    _lose(settings, archive=archive)
    before = _kept_names(settings)
    for command in (["serve"], ["worker"], ["worker", "--once"], ["init-db"], ["migrate"]):
        ended = run(*command, environment=environment)
        assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1), command
        assert f"3 {REFUSAL}" in ended.stderr
        assert "`glyphd rebuild --registry " in ended.stderr
        assert "`glyphd init-db --new-ledger " in ended.stderr
    checked = run("check", environment=environment)
    assert checked.returncode == 1
    assert all(f"import {import_id}: its upload is kept" in checked.stdout for import_id in ids)
    assert _kept_names(settings) == before


def test_a_lost_registry_is_made_again(
    environment: dict[str, str], settings: Settings, ids: list[str]
) -> None:
    with serving(environment=environment) as service:
        before = [get(service.address, f"/api/imports/{import_id}") for import_id in ids]
        listings = get(service.address, "/api/listings")
        assert service.stop() == 0
    _lose(settings, archive=False)
    rebuilt = run("rebuild", "--registry", environment=environment)
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert (
        "2 imports whose rows are in the archive, 1 for the next worker to import, 1 rollback "
        in rebuilt.stdout
    )
    again = run("rebuild", "--registry", environment=environment)
    assert (
        "0 imports whose rows are in the archive, 0 for the next worker to import, 0 rollbacks"
        in again.stdout
    )
    with serving(environment=environment) as service:
        after = [final_status(service.address, import_id) for import_id in ids]
        same = (
            "status",
            "record_count",
            "error_count",
            "received_at",
            "imported_at",
            "rolled_back_at",
            "filename",
        )
        assert [[one[name] for name in same] for one in after] == [
            [one[name] for name in same] for one in before
        ]
        assert get(service.address, "/api/listings") == listings
        assert service.stop() == 0
    verified = run("verify", "--all", environment=environment)
    assert verified.returncode == 0, verified.stdout
    assert run("check", environment=environment).returncode == 0


def test_a_service_that_needed_tokens_does_not_open_when_they_are_lost(
    database_settings: Settings,
) -> None:
    environment = environment_of(database_settings)
    token = run("token", "create", "a", "--scope", "write", environment=environment).stdout.strip()
    with serving("--no-worker", environment=environment) as service:
        upload(service.address, many_offers(1), Authorization=f"Bearer {token}")
        assert service.stop() == 0
    _lose(database_settings, archive=False)
    rebuilt = run("rebuild", "--registry", environment=environment)
    assert "the tokens are lost" in rebuilt.stdout
    with serving("--no-worker", environment=environment) as service:
        with pytest.raises(HTTPError, match="401"):
            get(service.address, "/api/listings")
        assert service.stop() == 0


def test_with_the_archive_lost_too_all_is_imported_again(
    environment: dict[str, str], settings: Settings, ids: list[str]
) -> None:
    _lose(settings, archive=True)
    assert run("rebuild", "--registry", environment=environment).returncode == 0
    with serving(environment=environment) as service:
        statuses = [final_status(service.address, import_id)["status"] for import_id in ids]
        assert statuses == ["succeeded", "failed", "succeeded"]


def test_a_new_ledger_is_begun_when_asked_for(
    environment: dict[str, str], settings: Settings
) -> None:
    kept = {path.name: path.read_bytes() for path in settings.uploads_dir.iterdir()}
    _lose(settings, archive=True)
    begun = run("init-db", "--new-ledger", environment=environment)
    assert begun.returncode == 0, begun.stderr
    (aside,) = settings.data_dir.glob("gpu.replaced-*/gpu.uploads")
    assert str(aside.parent) in begun.stdout
    assert {path.name: path.read_bytes() for path in aside.iterdir()} == kept
    with serving(environment=environment) as service:
        assert get(service.address, "/api/imports") == []
        assert service.stop() == 0
    assert run("check", environment=environment).returncode == 0
    refused = run("init-db", "--new-ledger", environment=environment)
    assert (refused.returncode, "nothing was changed" in refused.stderr) == (2, True)


def _forget_jobs(settings: Settings, *import_ids: str) -> None:
    """As if the API had died after writing an upload's manifest and before adding its row."""
    with closing(sqlite3.connect(settings.registry_path)) as registry, registry:
        for import_id in import_ids:
            registry.execute("DELETE FROM jobs WHERE import_id = ?", (import_id,))


def _make_old(folder: Path, seconds: float) -> None:
    for path in folder.iterdir():
        os.utime(path, (time.time() - seconds,) * 2)


def test_an_upload_whose_row_could_not_be_written_is_taken_up(sqlite_settings: Settings) -> None:
    environment = data_in(sqlite_settings.data_dir)
    with serving("--no-worker", environment=environment) as api:
        lost = upload(api.address, many_offers(4))["import_id"]
        assert api.stop() == 0
    _forget_jobs(sqlite_settings, lost)
    _make_old(sqlite_settings.uploads_dir, 120)
    assert lost in run("check", environment=environment).stdout
    with serving(environment=environment) as service:
        until(lambda: any(one["import_id"] == lost for one in get(service.address, "/api/imports")))
        assert final_status(service.address, lost)["record_count"] == 4


def test_an_upload_that_was_sent_again_or_never_complete_is_removed(
    sqlite_settings: Settings,
) -> None:
    environment = data_in(sqlite_settings.data_dir)
    with serving("--no-worker", environment=environment) as api:
        lost = upload(api.address, many_offers(4), Idempotency_Key="k")["import_id"]
        _forget_jobs(sqlite_settings, lost)
        again = upload(api.address, many_offers(4), Idempotency_Key="k")["import_id"]
        assert api.stop() == 0
    (sqlite_settings.uploads_dir / "01234567-89ab-4cde-8f01-23456789abcd.csv.gz").write_bytes(
        b"half an upload"
    )
    _make_old(sqlite_settings.uploads_dir, 7200)
    with serving(environment=environment) as service:
        until(lambda: len(list(sqlite_settings.uploads_dir.iterdir())) == 2)
        assert final_status(service.address, again)["status"] == "succeeded"
        assert [one["import_id"] for one in get(service.address, "/api/imports")] == [again]
    assert sorted(path.name for path in sqlite_settings.uploads_dir.iterdir()) == [
        f"{again}.csv",
        f"{again}.json",
    ]
