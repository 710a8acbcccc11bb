"""Loads the fixtures for all tests, which are grouped into modules by what they provide."""

import os
import tempfile
from collections.abc import Iterator

import pytest
import structlog

from tests.memory_folder import use_memory

pytest_plugins = ["tests.databases", "tests.service"]

LONG = {"attacks", "chaos", "chromium", "clients", "e2e", "history", "power", "standby"}
"""Folders with a few slow tests. They run first, so that no process is left alone with one of them
at the end."""


def pytest_configure() -> None:
    use_memory()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONG.isdisjoint(item.path.parts))


@pytest.fixture(autouse=True)
def logging_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A command that runs in the test's process configures logging for good, so it is reset after
    each test.

    Loggers are not cached, because a cached one keeps the configuration it was made with.
    """
    configure = structlog.configure
    uncached = {"cache_logger_on_first_use": False}
    monkeypatch.setattr(structlog, "configure", lambda **asked: configure(**{**asked, **uncached}))
    yield
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def temporary_files_of_its_own() -> Iterator[None]:
    """A command that runs in the test's process moves the temporary folder next to its data for
    good, which is deleted after the test."""
    folder, of_sqlite = tempfile.tempdir, os.environ.get("SQLITE_TMPDIR")
    yield
    tempfile.tempdir = folder
    if of_sqlite is None:
        os.environ.pop("SQLITE_TMPDIR", None)
    else:
        os.environ["SQLITE_TMPDIR"] = of_sqlite
