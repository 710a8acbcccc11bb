"""An archive for the storage tests, once on each of the two databases."""

from collections.abc import Iterator

import pytest
from peewee import Database

from glyphd.db.connections import close_all
from glyphd.settings import Settings
from glyphd.storage.stores import DatabaseListingStore, PostgresListingStore, SqliteListingStore


@pytest.fixture
def store(database_settings: Settings) -> Iterator[DatabaseListingStore]:
    """An empty store."""
    opened = open_store(database_settings)
    yield opened
    close_all(opened.database)


@pytest.fixture
def archive(store: DatabaseListingStore) -> Iterator[Database]:
    """The store's database, connected."""
    with store.database.connection_context():
        yield store.database


def open_store(settings: Settings) -> DatabaseListingStore:
    if settings.database_url is not None:
        return PostgresListingStore(settings.database_url)
    return SqliteListingStore(settings.archive_path)


@pytest.fixture(params=[False, True], ids=["small", "large"])
def any_size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large stage is prepared before its transaction."""
    if request.param:
        monkeypatch.setattr("glyphd.storage.staging.LARGE_ROWS", 1)
