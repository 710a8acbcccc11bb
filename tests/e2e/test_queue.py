"""The queue may be lost: whatever happens to it, uploads to a running or a starting service are
imported."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from shutil import ignore_patterns

import pytest

from glyphd.settings import Settings
from tests.e2e.processes import (
    data_in,
    final_status,
    get,
    many_offers,
    readiness,
    serving,
    until,
    upload,
    working,
)

Harm = Callable[[Path], None]


def _damage(queue: Path) -> None:
    content = bytearray(queue.read_bytes())
    content[100:] = os.urandom(len(content) - 100)
    queue.write_bytes(content)


def _overwrite(queue: Path) -> None:
    queue.write_bytes(b"no database at all\n" * 100)


def _remove(queue: Path) -> None:
    for file in queue.parent.glob(f"{queue.name}*"):
        file.unlink()


def _remove_without_its_log(queue: Path) -> None:
    queue.unlink()


def _exchange(queue: Path) -> None:
    """A database of another program."""
    _remove(queue)
    with closing(sqlite3.connect(queue)) as other:
        other.executescript("CREATE TABLE diary (day, words); INSERT INTO diary VALUES (1, 'mine')")


def _exchange_a_table(queue: Path) -> None:
    """A queue of another program, whose table has the name but not the columns."""
    _remove(queue)
    with closing(sqlite3.connect(queue)) as other:
        other.execute("CREATE TABLE task (id INTEGER PRIMARY KEY, payload)")


def _make_folder(queue: Path) -> None:
    _remove(queue)
    queue.mkdir()
    (queue / "note").write_text("mine")


HARMS = [
    _damage,
    _overwrite,
    _remove,
    _remove_without_its_log,
    _exchange,
    _exchange_a_table,
    _make_folder,
]
_REMOVING = (_remove, _remove_without_its_log)


def _imports(address: str) -> None:
    import_id = upload(address, many_offers(3), Prefer="respond-async")["import_id"]
    assert final_status(address, import_id)["status"] == "succeeded"


def _is_ready(address: str) -> bool:
    return bool(readiness(address)["status"] == "ready")


@pytest.fixture(scope="module")
def used_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a service that has imported something and was stopped."""
    folder = tmp_path_factory.mktemp("used") / "data"
    with serving(environment=data_in(folder)) as service:
        _imports(service.address)
        assert service.stop() == 0
    return folder


@pytest.mark.parametrize("harm", HARMS)
def test_a_service_starts_with_any_queue_file(
    tmp_path: Path, used_folder: Path, harm: Harm
) -> None:
    folder = shutil.copytree(used_folder, tmp_path / "data", ignore=ignore_patterns("*.bell"))
    harm(folder / "gpu.queue.sqlite")
    with serving(environment=data_in(folder)) as service:
        _imports(service.address)
        assert _is_ready(service.address)
        assert service.stop() == 0
    assert bool(list(folder.glob("gpu.queue.sqlite.unusable-*"))) is (harm not in _REMOVING)


def test_a_running_service_survives_any_harm(tmp_path: Path) -> None:
    with serving(environment=data_in(tmp_path)) as service:
        _imports(service.address)
        for harm in HARMS:
            harm(tmp_path / "gpu.queue.sqlite")
            _imports(service.address)
            assert _is_ready(service.address), harm
            _imports(service.address)


def test_what_was_put_aside_is_kept(tmp_path: Path) -> None:
    with serving(environment=data_in(tmp_path)) as service:
        _exchange(tmp_path / "gpu.queue.sqlite")
        _imports(service.address)
    (aside,) = tmp_path.glob("gpu.queue.sqlite.unusable-*Z")
    with closing(sqlite3.connect(aside)) as other:
        assert other.execute("SELECT words FROM diary").fetchone() == ("mine",)


def test_jobs_are_run_while_no_queue_can_be_used(tmp_path: Path) -> None:
    """Another process locks the queue and keeps the lock."""
    with serving(environment=data_in(tmp_path)) as service:
        _imports(service.address)
        with closing(sqlite3.connect(tmp_path / "gpu.queue.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            for _ in range(3):
                _imports(service.address)
        until(lambda: _is_ready(service.address))
        _imports(service.address)


def test_a_service_starts_where_no_queue_can_be_made(tmp_path: Path) -> None:
    environment, queue = data_in(tmp_path), tmp_path / "gpu.queue.sqlite"
    with serving(environment=environment) as service:
        assert service.stop() == 0
    with closing(sqlite3.connect(queue, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with serving(environment=environment) as service:
            _imports(service.address)


def test_lost_tables_of_the_queue_are_made_again(postgres_settings: Settings) -> None:
    """On PostgreSQL the queue consists of tables in the database."""
    import psycopg

    url = postgres_settings.database_url
    assert url is not None
    environment = data_in(postgres_settings.data_dir) | {"GLYPHD_DATABASE_URL": url}
    with serving(environment=environment) as service:
        _imports(service.address)
        with psycopg.connect(url, autocommit=True) as other:
            other.execute("DROP TABLE huey_task")
        _imports(service.address)
        until(lambda: _is_ready(service.address))


def test_a_job_handed_back_does_not_wait_behind_later_ones(tmp_path: Path) -> None:
    environment = data_in(tmp_path)
    with serving("--no-worker", environment=environment) as api:
        large = upload(api.address, many_offers(200_000), Prefer="respond-async")["import_id"]
        with working(environment=environment) as worker:
            until(lambda: get(api.address, f"/api/imports/{large}")["rows_read"] > 0)
            assert worker.stop() == 0
        assert get(api.address, f"/api/imports/{large}")["status"] == "queued"
        behind = [
            upload(api.address, many_offers(2), Prefer="respond-async")["import_id"]
            for _ in range(150)
        ]
        with working(environment=environment):
            ended_at = final_status(api.address, large)["finished_at"]
            final_status(api.address, behind[-1])
        done = get(api.address, "/api/imports?status=succeeded&limit=200")
        assert sum(status["finished_at"] < ended_at for status in done) < 100
