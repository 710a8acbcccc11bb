"""A worker that fails while it starts is restarted until the trouble has passed."""

import resource
import subprocess
from pathlib import Path

import psutil
import pytest

from glyphd.settings import Settings
from tests.chaos.disks import read_only_mount
from tests.e2e.processes import (
    GLYPHD,
    PATIENCE_SECONDS,
    Process,
    data_in,
    final_status,
    many_offers,
    serving,
    until,
    upload,
)
from tests.postgres_server import restartable_server

FEW_DESCRIPTORS = (5, 7, 9, 12)


def _kill_worker(service: Process) -> int:
    (worker,) = service.children()
    worker.kill()
    return worker.pid


def _await_end_of_next(service: Process, killed: int) -> None:
    """Waits until another worker has been started and has ended."""
    seen = {killed}

    def has_ended() -> bool:
        living = {child.pid for child in service.children() if _lives(child)}
        seen.update(living)
        return len(seen) > 1 and not living

    until(has_ended)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _imports(service: Process) -> None:
    import_id = upload(service.address, many_offers(20))["import_id"]
    assert final_status(service.address, import_id)["status"] == "succeeded"


def test_a_data_folder_that_was_read_only_for_a_while(tmp_path: Path) -> None:
    with serving(environment=data_in(tmp_path / "data")) as service:
        _imports(service)
        with read_only_mount(tmp_path / "data"):
            killed = _kill_worker(service)
            until(lambda: [child.pid for child in service.children()] not in ([], [killed]))
        _imports(service)


def test_a_data_folder_that_was_away_for_a_while(tmp_path: Path) -> None:
    folder, aside = tmp_path / "data", tmp_path / "aside"
    with serving(environment=data_in(folder)) as service:
        _imports(service)
        folder.rename(aside)
        _await_end_of_next(service, _kill_worker(service))
        assert not folder.exists(), "a new archive was made in the place of the old one"
        aside.rename(folder)
        _imports(service)


def test_a_postgres_server_that_was_away_for_a_while(tmp_path: Path) -> None:
    with restartable_server() as server:
        settings = data_in(tmp_path / "data") | {"GLYPHD_DATABASE_URL": server.url}
        with serving(environment=settings) as service:
            _imports(service)
            server.stop()
            _await_end_of_next(service, _kill_worker(service))
            server.start()
            _imports(service)


@pytest.mark.parametrize("few", FEW_DESCRIPTORS)
def test_too_few_descriptors_are_no_wrong_setting(sqlite_settings: Settings, few: int) -> None:
    """Whether the worker can't start, or starts and can't work: after exit code 2 it would not be
    restarted."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (few, few))

    worker = subprocess.run(
        [GLYPHD, "worker", "--stop-with-parent"],
        env=data_in(sqlite_settings.data_dir),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        preexec_fn=limit,
        check=False,
    )
    assert worker.returncode != 2, worker.stderr
