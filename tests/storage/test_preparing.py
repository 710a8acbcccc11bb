"""A large stage is prepared before the transaction that writes it: the result is that of a small
one."""

import pytest
from peewee import Database

from glyphd.db.connections import close_all, open_archive
from glyphd.db.migration_sets import ARCHIVE
from glyphd.settings import Settings
from glyphd.storage.batches import Batch
from glyphd.storage.derived.all_facts import FACTS
from glyphd.storage.staging import open_stage
from glyphd.storage.stores import DatabaseListingStore
from glyphd.storage.writing import write_batch
from glyphd.storage.written import Written
from tests.db.snapshots import schema_of
from tests.storage.listings import rows, seen


def test_a_large_batch_is_written_like_any_other(
    store: DatabaseListingStore, database_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = schema_of(database_settings, [ARCHIVE])
    monkeypatch.setattr("glyphd.storage.staging.LARGE_ROWS", 1)
    for day in (1, 2):
        store.insert_listings([seen(day), seen(day, model="A", vram_gb=24), seen(day)], str(day))
    assert schema_of(database_settings, [ARCHIVE]) == before
    assert [row.import_id for row in store.query_listings()] == ["2", "2", "2"]


def test_what_was_prepared_is_prepared_again_if_another_import_came_first(
    store: DatabaseListingStore, database_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large import is prepared while others can write; here another one does, of the same
    listing."""
    monkeypatch.setattr("glyphd.storage.staging.LARGE_ROWS", 1)
    other = DatabaseListingStore(open_archive(database_settings, read_only=False))
    url = "https://acme.example/1"
    others = [seen(2, source_url=url, price_usd=30)]
    store.insert_listings([seen(1, source_url=url, price_usd=10)], "first")

    def overtake(done: float) -> None:
        if others:
            other.insert_listings([others.pop()], "second")

    with store.database.connection_context(), open_stage(store.database) as stage:
        stage.add(rows(seen(3, source_url=url, price_usd=30)))
        stage.complete()
        written = write_batch(store.database, stage, Batch("third"), step=overtake)
        assert [fault for fact in FACTS for fault in fact.faults(store.database)] == []
    close_all(other.database)
    assert written.result["effect"]["unchanged"] == 1
    assert [row.import_id for row in store.query_listings()] == ["third"]


@pytest.mark.usefixtures("any_size")
def test_a_complete_file_is_written_once_even_if_a_larger_one_came_later(archive: Database) -> None:
    def write(import_id: str, count: int) -> Written:
        with open_stage(archive) as stage:
            stage.add(rows(*(seen(1, seller=str(number)) for number in range(count))))
            stage.complete()
            return write_batch(archive, stage, Batch(import_id, "feed", complete=True))

    first = write("first", 2)
    write("second", 9)
    assert write("first", 2) == first
