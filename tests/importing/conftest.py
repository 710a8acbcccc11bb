"""A registry for the tests of code that uses it."""

from collections.abc import Iterator

import pytest

from glyphd.db.connections import close_all, open_registry
from glyphd.importing.registry import Registry
from glyphd.settings import Settings


@pytest.fixture
def registry(database_settings: Settings) -> Iterator[Registry]:
    """An empty registry, once on each of the two databases."""
    yield from _opened(database_settings)


@pytest.fixture
def sqlite_registry(sqlite_settings: Settings) -> Iterator[Registry]:
    """An empty registry on SQLite, for what does not depend on the database."""
    yield from _opened(sqlite_settings)


def _opened(settings: Settings) -> Iterator[Registry]:
    registry = Registry(open_registry(settings))
    yield registry
    close_all(registry.database)
