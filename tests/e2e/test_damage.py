"""Damage as an operator meets it: real processes, and a disk that changed their data."""

import json
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from glyphd.settings import Settings
from tests.damaging import overwrite_table
from tests.e2e.processes import (
    data_in,
    environment_of,
    final_status,
    readiness,
    run,
    serving,
    until,
    upload,
    working,
)

CSV = b"model,price_usd,score\nL4,1,1\n"


def _checked_at(address: str) -> str:
    integrity = readiness(address)["integrity"]
    return integrity["checked_at"] if integrity else ""


@pytest.fixture
def environment(database_settings: Settings) -> dict[str, str]:
    """The environment of processes that share one fresh service, once on each database."""
    return environment_of(database_settings)


def test_after_a_kill_the_next_worker_checks(environment: dict[str, str]) -> None:
    with serving("--no-worker", environment=environment) as api:
        with working(environment=environment) as worker:
            first = until(lambda: _checked_at(api.address))
            worker.kill()
        with working(environment=environment) as worker:
            second = until(lambda: _checked_at(api.address) > first and _checked_at(api.address))
            assert worker.stop() == 0
        with working(environment=environment):
            until(lambda: readiness(api.address)["checks"]["worker"] == "ok")
            assert _checked_at(api.address) == second


def test_damage_is_met_told_and_repaired(tmp_path: Path) -> None:
    environment, data = data_in(tmp_path / "data"), tmp_path / "data"
    with serving(environment=environment) as service:
        final_status(service.address, upload(service.address, CSV)["import_id"])
        assert service.stop() == 0
    overwrite_table(data / "gpu.sqlite", "scored_listings")
    with serving(environment=environment) as service:
        failed = final_status(service.address, upload(service.address, CSV)["import_id"])
        assert failed["error"]["code"] == "archive_damaged"
        assert "damage in the archive" in readiness(service.address)["detail"]
        assert service.stop() == 0
    checked = run("check", environment=environment)
    assert (checked.returncode, checked.stderr) == (1, "")
    assert checked.stdout.startswith("archive: ")
    rebuilt = run("rebuild", "--into", str(tmp_path / "new.sqlite"), environment=environment)
    assert rebuilt.returncode == 0, rebuilt.stderr
    for leftover in data.glob("gpu.sqlite*"):
        leftover.unlink()
    (tmp_path / "new.sqlite").rename(data / "gpu.sqlite")
    with serving(environment=environment) as service:
        until(lambda: readiness(service.address)["status"] == "ready")
        retry = Request(
            f"{service.address}/api/imports/{failed['import_id']}/retry", b"", method="POST"
        )
        with urlopen(retry, timeout=60) as answer:
            again = json.load(answer)["import_id"]
        assert final_status(service.address, again)["status"] == "succeeded"
        assert service.stop() == 0
    verified = run("verify", "--all", environment=environment)
    assert verified.returncode == 0, verified.stdout
