"""The store as a library, on a SQLite file and without the server."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from glyphd import (
    GPUListingDTO,
    ImportMetadata,
    ImportResultDTO,
    ListingStore,
    ScoredListingDTO,
    SqliteListingStore,
)
from glyphd.db.migrations import migrate
from glyphd.errors import ImportConflict, InvalidSettings, RowsRefused, SchemaOutdated
from glyphd.settings import Settings
from tests.storage.listings import listing, seen


@pytest.fixture
def db_path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "gpu.sqlite"


@pytest.fixture
def store(db_path: Path) -> SqliteListingStore:
    return SqliteListingStore(db_path=db_path)


def _prices(store: ListingStore, **wanted: Any) -> list[float]:
    return [row.price_usd for row in store.query_listings(**wanted)]


def test_it_makes_the_file_and_the_schema(store: SqliteListingStore, db_path: Path) -> None:
    assert db_path.exists()
    assert store.query_listings() == []
    assert store.list_imports() == []


def test_the_path_may_be_text(tmp_path: Path) -> None:
    SqliteListingStore(db_path=f"{tmp_path}/gpu.sqlite").insert_listings([listing()], "a")
    assert (tmp_path / "gpu.sqlite").exists()


def test_it_makes_no_registry(store: SqliteListingStore, db_path: Path) -> None:
    store.insert_listings([listing()], "a")
    assert not list(db_path.parent.glob("*.registry.*"))


def test_an_older_schema_is_refused_with_the_command(db_path: Path) -> None:
    migrate(Settings(db_path=db_path), "archive:1")
    with pytest.raises(SchemaOutdated, match="glyphd migrate"):
        SqliteListingStore(db_path=db_path)


def test_listings_go_in_and_come_out(store: SqliteListingStore) -> None:
    sent = listing(
        condition="New", quantity=3, availability="soon", min_order_qty=1, seller="Acme",
        region="EU", vram_gb=24,
        mig_capable=0, tdp_watts=72, cuda_cores=7680, slot_width=1.0, pcie_generation=4.0,
        nvlink=False,
        generation="Ada", form_factor="LP", quantization_capacity_7b=3, quantization_capacity_13b=1,
        quantization_capacity_70b=0, heuristics={"a": [1]}, seen_at="2025-07-29T12:12:00Z",
        source_url="x.de/1",
        source_type="Retail", title="An L4",
    )  # fmt: skip
    store.insert_listings([sent], "a")
    (found,) = store.query_listings()
    assert isinstance(found, ScoredListingDTO)
    assert {name: getattr(found, name) for name in GPUListingDTO.model_fields} == dict(sent)


def test_a_listing_says_where_it_comes_from(store: SqliteListingStore) -> None:
    store.insert_listings([seen(1), seen(2, model="A")], "a")
    found = store.query_listings(import_id="a")[1]
    assert (found.import_id, found.import_index, found.line, found.schema_version) == (
        "a",
        2,
        None,
        2,
    )
    assert (len(found.listing_id), found.rolled_back_at) == (32, None)
    assert found.first_seen_at == found.seen_at == datetime(2025, 7, 2, 12, tzinfo=UTC)


def test_listings_may_be_named_by_alias(store: SqliteListingStore) -> None:
    aliased = GPUListingDTO.model_validate(
        {"canonical_model": "L4", "Price": "2400", "final_score": 0.7, "slots": 1}
    )
    store.insert_listings([aliased], "a")
    assert dict(aliased) == dict(listing(slot_width=1.0))
    assert _prices(store) == [2400.0]


def test_the_result_says_what_was_written(store: SqliteListingStore) -> None:
    before = datetime.now(UTC)
    result = store.insert_listings([listing(), listing(model="A"), listing(model="B")], "a")
    assert result == ImportResultDTO(
        import_id="a", record_count=3, first_model="L4", last_model="B", timestamp=result.timestamp
    )
    assert before <= result.timestamp <= datetime.now(UTC)


def test_listings_may_come_from_a_generator(store: SqliteListingStore) -> None:
    result = store.insert_listings((listing(model=f"M{number}") for number in range(2500)), "a")
    assert (result.record_count, result.last_model) == (2500, "M2499")
    assert [row.import_index for row in store.query_listings(import_id="a")] == list(range(1, 2501))


def test_a_time_that_is_missing_is_now(store: SqliteListingStore) -> None:
    before = datetime.now(UTC)
    store.insert_listings([listing()], "a")
    (found,) = store.query_listings()
    assert found.seen_at is not None
    assert before <= found.seen_at <= found.imported_at


def test_imports_are_listed_newest_first(store: SqliteListingStore) -> None:
    results = [store.insert_listings([listing(model=name)], name) for name in ("a", "b")]
    nothing: dict[str, None] = dict.fromkeys(
        ("source", "description", "filename", "sha256", "rolled_back_at")
    )
    assert store.list_imports() == [
        ImportMetadata(
            imported_at=result.timestamp,
            schema_version=2,
            **result.model_dump(exclude={"timestamp"}),
            **nothing,
        )
        for result in reversed(results)
    ]


def test_the_same_import_again_changes_nothing(store: SqliteListingStore) -> None:
    first = store.insert_listings([listing(), listing()], "a")
    rows = store.query_listings()
    assert store.insert_listings([listing(), listing()], "a") == first
    assert (store.query_listings(), len(store.list_imports())) == (rows, 1)


@pytest.mark.parametrize(
    "others",
    [
        [listing()],
        [listing(), listing(), listing()],
        [listing(), listing(price_usd=2400.01)],
        [listing(model="A"), listing()],
        [listing(score=0.71), listing()],
        [listing(), listing(heuristics={"a": 1})],
    ],
    ids=[
        "one less",
        "one more",
        "another price",
        "another model",
        "another score",
        "another heuristic",
    ],
)
def test_the_same_id_with_other_listings_is_a_conflict(
    store: SqliteListingStore, others: list[GPUListingDTO]
) -> None:
    store.insert_listings([listing(), listing()], "a")
    rows = store.query_listings()
    with pytest.raises(ImportConflict, match="import a already exists"):
        store.insert_listings(others, "a")
    assert store.query_listings() == rows


def test_a_statement_that_fails_leaves_nothing(store: SqliteListingStore, db_path: Path) -> None:
    store.insert_listings([seen(1)], "a")
    rows = store.query_listings()
    with closing(sqlite3.connect(db_path)) as connection, connection:
        connection.execute(
            "CREATE TRIGGER fail BEFORE INSERT ON models BEGIN SELECT RAISE(ABORT, 'no more'); END"
        )
    with pytest.raises(Exception, match="no more"):
        store.insert_listings([seen(2), seen(2, model="A")], "b")
    assert (store.query_listings(), [batch.import_id for batch in store.list_imports()]) == (
        rows,
        ["a"],
    )


@pytest.mark.parametrize(
    "import_id",
    [
        "a",
        "x" * 64,
        "550e8400-e29b-41d4-a716-446655440000",
        "Ångström 日本 🚀",
        "a b\n",
        "'; --",
        " ",
    ],
)
def test_an_id_is_any_text_of_1_to_64_characters(store: SqliteListingStore, import_id: str) -> None:
    assert store.insert_listings([listing()], import_id).import_id == import_id
    assert [row.import_id for row in store.query_listings(import_id=import_id)] == [import_id]


@pytest.mark.parametrize("import_id", ["", "x" * 65, "a\0b"], ids=["empty", "too long", "NUL"])
def test_another_id_is_refused(store: SqliteListingStore, import_id: str) -> None:
    with pytest.raises(ValidationError):
        store.insert_listings([listing()], import_id)
    assert store.list_imports() == []


def test_an_import_needs_a_listing(store: SqliteListingStore) -> None:
    with pytest.raises(RowsRefused, match="at least one listing"):
        store.insert_listings([], "a")
    assert store.list_imports() == []


def test_two_stores_on_one_file_see_the_same(store: SqliteListingStore, db_path: Path) -> None:
    other = SqliteListingStore(db_path=db_path)
    store.insert_listings([seen(1, price_usd=1)], "a")
    other.insert_listings([seen(2, price_usd=2)], "b")
    assert store.query_listings() == other.query_listings()
    assert _prices(store) == [2.0]


def test_an_archive_in_memory_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="would lose every listing"):
        SqliteListingStore(db_path=":memory:")


def test_the_store_needs_no_web_server() -> None:
    program = "import sys; from glyphd import SqliteListingStore; sys.exit('bottle' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
