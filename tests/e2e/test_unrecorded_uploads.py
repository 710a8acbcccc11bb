"""An upload whose job can't be recorded because the registry stays locked."""

import sqlite3
import sys
from contextlib import closing
from urllib.error import HTTPError

import pytest

from glyphd.settings import Settings
from tests.e2e.processes import data_in, many_offers, serving, upload

SHORT_WAIT = """
from glyphd import cli
from glyphd.db import connections
connections.LOCK_WAIT_SECONDS = 2
cli.main()
"""
IMPATIENT = (sys.executable, "-P", "-c", SHORT_WAIT)
"""Runs `glyphd` with a timeout for locks of 2 seconds instead of 30."""


def test_an_upload_that_could_not_be_recorded_leaves_nothing(sqlite_settings: Settings) -> None:
    environment = data_in(sqlite_settings.data_dir)
    with serving("--no-worker", environment=environment, command=IMPATIENT) as api:
        upload(api.address, many_offers(1))
        before = sorted(sqlite_settings.uploads_dir.iterdir())
        with closing(sqlite3.connect(sqlite_settings.registry_path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            with pytest.raises(HTTPError, match="503"):
                upload(api.address, many_offers(2))
        assert sorted(sqlite_settings.uploads_dir.iterdir()) == before
