"""The archives of the storage tests, and a fresh archive for each example of a property."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from peewee import Database

from glyphd.db.archive_models import ARCHIVE_MODELS
from glyphd.db.connections import close_all, open_archive, open_archive_file
from glyphd.settings import Settings
from tests.storage.conftest import archive, store

__all__ = ["archive", "store"]

FreshArchive = Callable[[], AbstractContextManager[Database]]


@pytest.fixture
def fresh_on_sqlite(initialised_folder: Path) -> FreshArchive:
    """Each call opens another empty archive, connected until the end of the block."""

    @contextmanager
    def fresh() -> Iterator[Database]:
        with TemporaryDirectory() as folder:
            path = shutil.copy(initialised_folder / "gpu.sqlite", folder)
            database = open_archive_file(Path(path), read_only=False)
            with database.connection_context():
                yield database

    return fresh


@pytest.fixture
def fresh_on_postgresql(postgres_settings: Settings) -> Iterator[FreshArchive]:
    """The same on PostgreSQL: a single archive that each call empties."""
    database = open_archive(postgres_settings, read_only=False)
    tables = ", ".join(model._meta.table_name for model in ARCHIVE_MODELS[2:])

    @contextmanager
    def fresh() -> Iterator[Database]:
        with database.connection_context():
            database.execute_sql(f"TRUNCATE {tables}")
            yield database

    yield fresh
    close_all(database)
