"""Whether the registry agrees with the archive."""

from collections.abc import Iterator

import pytest

from glyphd.db.connections import close_all, open_archive
from glyphd.importing.audit import missing_batches
from glyphd.importing.registry import Registry
from glyphd.settings import Settings
from glyphd.storage.stores import DatabaseListingStore
from tests.importing.jobs import add_job
from tests.storage.listings import listing


@pytest.fixture
def archive(registry: Registry, database_settings: Settings) -> Iterator[DatabaseListingStore]:
    """The archive beside the registry."""
    store = DatabaseListingStore(open_archive(database_settings, read_only=False))
    yield store
    close_all(store.database)


def _commit(archive: DatabaseListingStore, import_id: str) -> None:
    archive.insert_listings([listing()], import_id)


def test_an_import_without_its_batch_is_missing(
    registry: Registry, archive: DatabaseListingStore
) -> None:
    for import_id in ("a", "b", "c"):
        add_job(registry, import_id=import_id, status="succeeded")
    _commit(archive, "b")
    assert missing_batches(registry, archive.database) == ["a", "c"]


def test_only_imports_that_should_be_there_can_be_missing(
    registry: Registry, archive: DatabaseListingStore
) -> None:
    for status in ("queued", "running", "failed", "cancelled"):
        add_job(registry, status=status)
    add_job(registry, status="succeeded", dry_run=True)
    assert missing_batches(registry, archive.database) == []


def test_a_batch_that_the_registry_does_not_know_is_no_matter(
    registry: Registry, archive: DatabaseListingStore
) -> None:
    _commit(archive, "a")
    assert missing_batches(registry, archive.database) == []


def test_many_are_looked_for_in_pieces(registry: Registry, archive: DatabaseListingStore) -> None:
    ids = [f"{number:04}" for number in range(600)]
    with registry.database.connection_context(), registry.database.atomic():
        for import_id in ids:
            add_job(registry, import_id=import_id, status="succeeded")
    _commit(archive, ids[550])
    assert missing_batches(registry, archive.database) == [*ids[:550], *ids[551:]]
