"""Machines whose clocks are minutes apart share PostgreSQL, and use its clock."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from glyphd.settings import Settings
from tests.e2e.processes import (
    final_status,
    many_offers,
    readiness,
    serving,
    until,
    upload,
    working,
)

LIBRARIES = "*/faketime/libfaketimeMT.so.1"
NEAR = timedelta(minutes=2)


@pytest.fixture
def library() -> str:
    """The library that gives a process another clock. If it is missing, the test is skipped, and
    fails in CI."""
    found = sorted(Path("/usr/lib").glob(LIBRARIES))
    if not found:
        missing = "libfaketime is not installed (Debian: apt-get install faketime)"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return str(found[0])


@pytest.fixture
def settings(postgres_settings: Settings) -> dict[str, str]:
    return {
        "GLYPHD_DATA_DIR": str(postgres_settings.data_dir),
        "GLYPHD_DATABASE_URL": str(postgres_settings.database_url),
    }


def _on_machine(settings: dict[str, str], library: str, offset: str) -> dict[str, str]:
    """The environment of a machine whose wall clock is wrong."""
    clock = {"LD_PRELOAD": library, "FAKETIME": offset}
    return settings | clock


def test_imports_end_as_they_should_on_machines_whose_clocks_are_wrong(
    settings: dict[str, str], library: str
) -> None:
    began = datetime.now(UTC)
    with (
        serving("--no-worker", environment=_on_machine(settings, library, "-10m")) as api,
        working(environment=_on_machine(settings, library, "+10m")),
    ):
        until(lambda: readiness(api.address)["status"] == "ready")
        sent = upload(api.address, many_offers(20), Prefer="wait=30")
        status = final_status(api.address, sent["import_id"])
        later = upload(api.address, many_offers(20, price=2000.0))
        second = final_status(api.address, later["import_id"])
    assert [one["status"] for one in (status, second)] == ["succeeded", "succeeded"]
    told = [status[name] for name in ("received_at", "started_at", "imported_at", "finished_at")]
    told.append(second["imported_at"])
    assert told == sorted(told)
    assert all(abs(datetime.fromisoformat(time) - began) < NEAR for time in told)
