"""The service as real processes, on SQLite and on PostgreSQL."""

import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from glyphd.settings import Settings
from tests.e2e.processes import (
    Process,
    data_in,
    environment_of,
    final_status,
    get,
    many_offers,
    run,
    serving,
    until,
    upload,
    working,
)

SAMPLE = Path(__file__).parents[2] / "sample" / "scored_sample.csv"


@pytest.fixture
def environment(empty_database_settings: Settings) -> dict[str, str]:
    """The environment of processes that share one fresh service, once on each database."""
    return environment_of(empty_database_settings)


def test_serve_alone_accepts_imports_and_answers(environment: dict[str, str]) -> None:
    with serving(environment=environment) as api:
        accepted = upload(api.address, SAMPLE.read_bytes())
        listings = get(api.address, f"/api/listings?import_id={accepted['import_id']}")
        assert accepted["status"] == "succeeded"
        assert [row["import_index"] for row in listings] == list(range(1, 25))
        assert get(api.address, "/api/ready")["status"] == "ready"


def test_api_and_worker_run_as_two_processes(environment: dict[str, str]) -> None:
    with serving("--no-worker", environment=environment) as api:
        accepted = upload(api.address, SAMPLE.read_bytes())
        assert accepted["status"] == "queued"
        with working(environment=environment):
            assert final_status(api.address, accepted["import_id"])["record_count"] == 24


def test_a_worker_killed_in_an_import_loses_nothing_and_doubles_nothing(
    environment: dict[str, str],
) -> None:
    with serving("--no-worker", environment=environment) as api:
        import_id = upload(api.address, many_offers(15_000))["import_id"]
        with working(environment=environment) as worker:
            until(lambda: get(api.address, f"/api/imports/{import_id}")["status"] == "running")
            worker.kill()
        assert get(api.address, f"/api/imports/{import_id}")["status"] == "running"
        with working(environment=environment):
            status = final_status(api.address, import_id)
        assert (status["status"], status["record_count"], status["attempt"]) == (
            "succeeded",
            15_000,
            2,
        )
        assert len(get(api.address, "/api/listings?fields=listing_id")) == 15_000


def test_a_killed_workers_import_does_not_wait_behind_all_the_others(
    environment: dict[str, str],
) -> None:
    with serving("--no-worker", environment=environment) as api:
        orphan = upload(api.address, many_offers(15_000))["import_id"]
        with working(environment=environment) as worker:
            until(lambda: get(api.address, f"/api/imports/{orphan}")["status"] == "running")
            worker.kill()
        small = many_offers(2)
        behind = [
            upload(api.address, small, Prefer="respond-async")["import_id"] for _ in range(150)
        ]
        with working(environment=environment):
            ended_at = final_status(api.address, orphan)["finished_at"]
            final_status(api.address, behind[-1])
        done = get(api.address, "/api/imports?status=succeeded&limit=200")
        assert len(done) == 151
        assert sum(status["finished_at"] < ended_at for status in done) < 100


def test_a_stopped_worker_hands_its_import_back_in_order(environment: dict[str, str]) -> None:
    with serving("--no-worker", environment=environment) as api:
        import_id = upload(api.address, many_offers(25_000))["import_id"]
        with working(environment=environment) as worker:
            until(lambda: get(api.address, f"/api/imports/{import_id}")["rows_read"] > 0)
            assert worker.stop() == 0
        status = get(api.address, f"/api/imports/{import_id}")
        assert status["status"] in ("queued", "succeeded")
        with working(environment=environment):
            assert final_status(api.address, import_id)["record_count"] == 25_000


def test_several_workers_import_each_file_once(environment: dict[str, str]) -> None:
    with serving("--no-worker", environment=environment) as api:
        ids = [
            upload(api.address, many_offers(200, price=100.0 * n))["import_id"] for n in range(1, 9)
        ]
        with (
            working(environment=environment),
            working(environment=environment),
            working(environment=environment),
        ):
            counts = [final_status(api.address, import_id)["record_count"] for import_id in ids]
        assert counts == [200] * 8
        assert len(get(api.address, "/api/listings?fields=listing_id")) == 200


def test_sigterm_ends_serve_and_its_worker_with_exit_code_0(tmp_path: Path) -> None:
    with serving(environment=data_in(tmp_path / "data")) as api:
        (worker,) = api.children()
        assert api.stop() == 0
        assert not worker.is_running()


def test_after_a_stop_each_database_is_complete_without_its_log(tmp_path: Path) -> None:
    data, copied = tmp_path / "data", tmp_path / "copied"
    with serving(environment=data_in(data)) as api:
        import_id = upload(api.address, SAMPLE.read_bytes())["import_id"]
        assert final_status(api.address, import_id)["status"] == "succeeded"
        assert api.stop() == 0
    copied.mkdir()
    for name, query in (
        ("gpu.sqlite", "SELECT import_id FROM import_batches"),
        ("gpu.registry.sqlite", "SELECT import_id FROM jobs WHERE status = 'succeeded'"),
    ):
        with closing(sqlite3.connect(shutil.copy(data / name, copied))) as alone:
            assert alone.execute(query).fetchall() == [(import_id,)]


def test_the_worker_of_a_killed_serve_ends_too(tmp_path: Path) -> None:
    with serving(environment=data_in(tmp_path / "data")) as api:
        (worker,) = api.children()
        api.kill()
        until(lambda: _is_gone(worker))


def test_serve_starts_a_worker_again_that_died(tmp_path: Path) -> None:
    with serving(environment=data_in(tmp_path / "data")) as api:
        (first,) = api.children()
        first.send_signal(signal.SIGKILL)
        until(lambda: _other_child(api, first))
        accepted = upload(api.address, SAMPLE.read_bytes())
        assert final_status(api.address, accepted["import_id"])["status"] == "succeeded"


def test_worker_once_runs_what_is_queued_and_ends(tmp_path: Path) -> None:
    environment = data_in(tmp_path / "data")
    with serving("--no-worker", environment=environment) as api:
        import_id = upload(api.address, SAMPLE.read_bytes())["import_id"]
        assert run("worker", "--once", environment=environment).returncode == 0
        assert get(api.address, f"/api/imports/{import_id}")["status"] == "succeeded"


def test_a_worker_tells_whether_one_is_alive_on_its_host(tmp_path: Path) -> None:
    environment = data_in(tmp_path / "data")
    assert run("init-db", environment=environment).returncode == 0
    assert run("worker", "--ping", environment=environment).returncode == 1
    with working(environment=environment):
        until(lambda: run("worker", "--ping", environment=environment).returncode == 0)


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_refuses_an_old_schema_naming_the_command(tmp_path: Path, command: str) -> None:
    environment = data_in(tmp_path / "data")
    run("init-db", environment=environment)
    run("migrate", "--to", "archive:1", environment=environment)
    ended = run(command, environment=environment)
    assert ended.returncode == 2
    assert "glyphd migrate" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_port_in_use_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    with serving("--no-worker", environment=data_in(tmp_path / "data")) as api:
        port = api.address.rsplit(":", 1)[1]
        ended = run("serve", "--no-worker", "--port", port, environment=data_in(tmp_path / "data"))
        assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1)


def _is_gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _other_child(api: Process, first: psutil.Process) -> bool:
    return any(child.pid != first.pid and child.is_running() for child in api.children())
