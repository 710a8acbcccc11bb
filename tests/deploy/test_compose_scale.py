"""The compose file for several processes: each service has a health check, and no password is
visible. `make scale-check` runs it."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from glyphd.setting_files import ENDING
from glyphd.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy/compose.scale.yml"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return found


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The files that make_secrets.py writes, by name."""
    folder = tmp_path_factory.mktemp("made") / "secrets"
    command = [sys.executable, str(ROOT / "deploy/scale/make_secrets.py"), str(folder)]
    for _ in range(2):
        subprocess.run(command, check=True)
    assert folder.stat().st_mode & 0o777 == 0o700
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_there_are_two_apis_and_three_workers(compose: dict[str, Any]) -> None:
    copies = {
        name: service["deploy"]["replicas"]
        for name, service in compose["services"].items()
        if "deploy" in service
    }
    assert copies == {"api": 2, "worker": 3}


def test_every_service_that_stays_has_a_health_check(compose: dict[str, Any]) -> None:
    without = {name for name, one in compose["services"].items() if "healthcheck" not in one}
    assert without == {"migrate"}


def test_every_setting_is_one(compose: dict[str, Any]) -> None:
    given = {
        name.removesuffix(ENDING)
        for service in compose["services"].values()
        for name in service.get("environment", {})
        if name.startswith(PREFIX)
    }
    assert given <= {PREFIX + name.upper() for name in Settings.model_fields}


def test_every_secret_is_made(compose: dict[str, Any], secrets: dict[str, str]) -> None:
    assert compose["secrets"].keys() == secrets.keys()
    used = {name for service in compose["services"].values() for name in service.get("secrets", ())}
    assert used == secrets.keys()


def test_urls_have_the_passwords_of_their_servers(secrets: dict[str, str]) -> None:
    """The second run of make_secrets.py changed nothing."""
    assert secrets["database_password"] in secrets["database_url"]
    assert secrets["queue_password"] in secrets["queue_url"]
    assert secrets["bucket_key"] in secrets["bucket_config"]


def test_no_password_is_in_the_file(compose: dict[str, Any]) -> None:
    assert not re.search(r"://[^/\s]*:[^/\s]*@", FILE.read_text())
    for service in compose["services"].values():
        for name in service.get("environment", {}):
            assert name.endswith(ENDING) or not re.search("PASSWORD|SECRET|DATABASE_URL", name)


def test_a_container_has_more_time_to_stop_than_its_process_takes(compose: dict[str, Any]) -> None:
    grace = Settings.model_fields["grace_seconds"].default
    for name in ("api", "worker"):
        assert int(compose["services"][name]["stop_grace_period"].rstrip("s")) > grace
