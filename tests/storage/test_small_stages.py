"""On SQLite the tables of a stage for few rows are used again by the next one."""

from peewee import Database

from glyphd.contracts.gpu_listings import GPUListingDTO
from glyphd.storage.batches import Batch
from glyphd.storage.staging import open_stage
from glyphd.storage.writing import write_batch
from glyphd.storage.written import Written
from tests.storage.listings import listing, rows, seen


def _write(
    archive: Database, name: str, *listings: GPUListingDTO, is_small: bool = True
) -> Written:
    with open_stage(archive, is_small=is_small) as stage:
        stage.add(rows(*listings))
        stage.complete()
        return write_batch(archive, stage, Batch(name, source="feed", sha256=name))


def test_no_stage_sees_the_rows_of_another(archive: Database) -> None:
    """Whatever it has: several rows of one identity, other columns, few rows or many."""
    several = [listing(seller="Acme", price_usd=price) for price in (100, 200, 300)]
    written = [
        _write(archive, "grouped", *several),
        _write(archive, "one", seen(1, seller="Other")),
        _write(
            archive,
            "large",
            seen(2, seller="Other", source_url="https://a.example/1"),
            is_small=False,
        ),
        _write(archive, "again", seen(3, seller="Other"), seen(3, model="A2", vram_gb=16)),
    ]
    assert [one.record_count for one in written] == [3, 1, 1, 2]
    assert [one.result["summary"]["models"] for one in written] == [1, 1, 1, 2]
    effects = [one.result["effect"] for one in written]
    assert [effect["new"] for effect in effects] == [3, 1, 1, 1]
    assert effects[3]["unchanged"] == 1
    assert [warning["code"] for warning in written[1].result["warnings"]] == ["fewer_rows"]


def test_a_stage_that_was_given_up_leaves_nothing(archive: Database) -> None:
    with open_stage(archive, is_small=True) as stage:
        stage.add(rows(listing(seller="Acme"), listing(seller="Acme")))
        stage.complete()
    written = _write(archive, "next", listing(seller="Other"))
    assert (written.record_count, written.result["effect"]["new"]) == (1, 1)
    assert written.result["warnings"] == []
