"""The modules that commands load: commands that run often, or that somebody waits for, load few."""

import subprocess
import sys
from pathlib import Path

import pytest

from glyphd.settings import Settings

SERVICE = {"glyphd.importing.registry", "glyphd.contracts.queries", "huey", "jinja2", "bottle"}
DATABASES = {"glyphd.settings", "glyphd.db.connections", "peewee", "pydantic"}


def _loaded(*words: str | Path) -> set[str]:
    """The modules that a command loads, from the lines of Python's `-X importtime`."""
    command = [sys.executable, "-X", "importtime", "-m", "glyphd", *map(str, words)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()}


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["verify", "--help"]])
def test_help_loads_no_database(words: list[str]) -> None:
    loaded = _loaded(*words)
    assert "glyphd.cli" in loaded
    assert loaded & (SERVICE | DATABASES) == set()


def test_a_health_check_loads_only_the_databases(sqlite_settings: Settings) -> None:
    loaded = _loaded("worker", "--ping", "--data-dir", sqlite_settings.data_dir)
    assert loaded >= DATABASES
    assert loaded & SERVICE == set()
