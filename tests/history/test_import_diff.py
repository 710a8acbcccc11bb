"""Listings added, removed and changed between two imports: the database finds what plain Python
does."""

import re
from typing import Any

import pytest
from peewee import Database

from glyphd.contracts.change_queries import DiffKind, DiffQuery
from glyphd.contracts.parameter_reading import choices
from glyphd.db.archive_models import ImportBatch, ScoredListing
from glyphd.db.dialects import is_sqlite
from glyphd.history.differences import change_pct, difference
from glyphd.history.import_diff import DiffList, count_diff, list_diff
from glyphd.history.matching import Brought, find_brought
from glyphd.storage.stores import DatabaseListingStore
from tests.history.random_markets import events, fill

PAIRS = [("import-1", "import-2"), ("import-5", "import-2"), ("import-3", "import-3")]
KINDS = choices(DiffKind)
Events = dict[bytes, ScoredListing]


def _brought(database: Database, import_id: str) -> Brought:
    brought = find_brought(database, import_id)
    assert brought is not None
    return brought


def _list(database: Database, kind: Any, a: str, b: str, **asked: Any) -> DiffList:
    query = DiffQuery.model_validate(asked)
    return list_diff(database, query, kind, _brought(database, a), _brought(database, b))


def _rows(store: DatabaseListingStore, kind: str, a: str, b: str) -> list[dict[str, Any]]:
    with store.database.connection_context():
        found = _list(store.database, kind, a, b)
        return [dict(zip(found.columns, row, strict=True)) for row in found.everything()]


def _of(store: DatabaseListingStore, import_id: str) -> Events:
    return {
        bytes(event.listing_id): event for event in events(store) if event.import_id == import_id
    }


def _changed(old: Events, new: Events) -> list[bytes]:
    both = old.keys() & new.keys()
    return [
        key
        for key in both
        if (old[key].price_usd, old[key].score) != (new[key].price_usd, new[key].score)
    ]


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_the_counts_are_those_of_sets(store: DatabaseListingStore, a: str, b: str) -> None:
    fill(store, 1)
    old, new = _of(store, a), _of(store, b)
    with store.database.connection_context():
        counts = count_diff(
            store.database, _brought(store.database, a), _brought(store.database, b)
        )
    changed = len(_changed(old, new))
    assert (counts.added, counts.removed) == (
        len(new.keys() - old.keys()),
        len(old.keys() - new.keys()),
    )
    assert (counts.changed, counts.unchanged) == (changed, len(old.keys() & new.keys()) - changed)


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_rows_that_one_import_lacks_come_in_the_order_of_the_other(
    store: DatabaseListingStore, a: str, b: str
) -> None:
    fill(store, 2)
    old, new = _of(store, a), _of(store, b)
    for kind, having, lacking in (("added", new, old), ("removed", old, new)):
        expected = sorted(having[key].import_index for key in having.keys() - lacking.keys())
        rows = _rows(store, kind, a, b)
        assert [row["import_index"] for row in rows] == expected
        assert {row["listing_id"] for row in rows} == {
            key.hex() for key in having.keys() - lacking.keys()
        }


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_changed_rows_tell_both_sides(store: DatabaseListingStore, a: str, b: str) -> None:
    fill(store, 3)
    old, new = _of(store, a), _of(store, b)
    rows = _rows(store, "changed", a, b)
    assert [row["new_import_index"] for row in rows] == sorted(
        new[key].import_index for key in _changed(old, new)
    )
    for row in rows:
        before, after = old[bytes.fromhex(row["listing_id"])], new[bytes.fromhex(row["listing_id"])]
        assert row == {
            "listing_id": row["listing_id"],
            **{
                name: getattr(after, name)
                for name in ("model", "condition", "seller", "region", "source_url")
            },
            "old_price_usd": before.price_usd,
            "new_price_usd": after.price_usd,
            "price_delta": difference(before.price_usd, after.price_usd),
            "price_delta_pct": change_pct(before.price_usd, after.price_usd),
            "old_score": before.score,
            "new_score": after.score,
            "score_delta": difference(before.score, after.score),
            "old_import_index": before.import_index,
            "new_import_index": after.import_index,
        }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 3, 100])
def test_pages_are_the_list(store: DatabaseListingStore, kind: str, size: int) -> None:
    fill(store, 4, imports=2)
    found: list[Any] = []
    cursor, more = None, True
    with store.database.connection_context():
        while more:
            listed = _list(store.database, kind, "import-1", "import-2", cursor=cursor)
            page = listed.page(size)
            found += page.rows
            cursor = page.next_cursor
            more = cursor is not None
        assert found == list(listed.everything())


def test_what_was_rolled_back_is_compared_all_the_same(store: DatabaseListingStore) -> None:
    fill(store, 5, imports=2)
    before = [_rows(store, kind, "import-1", "import-2") for kind in KINDS]
    with store.database.connection_context():
        store.database.execute(ImportBatch.update(rolled_back_at="2099-01-01T00:00:00.000000Z"))
        store.database.execute(ScoredListing.update(is_current=0))
    after = [_rows(store, kind, "import-1", "import-2") for kind in KINDS]
    assert [[row["listing_id"] for row in rows] for rows in after] == [
        [row["listing_id"] for row in rows] for rows in before
    ]
    assert after[KINDS.index("changed")] == before[KINDS.index("changed")]


def test_columns_are_chosen(store: DatabaseListingStore) -> None:
    fill(store, 5, imports=2)
    with store.database.connection_context():
        for kind, fields in (("added", ["line", "model"]), ("changed", ["score_delta", "model"])):
            found = _list(store.database, kind, "import-1", "import-2", fields=fields)
            everything = _list(store.database, kind, "import-1", "import-2")
            positions = [everything.columns.index(name) for name in fields]
            assert list(found.everything()) == [
                [row[at] for at in positions] for row in everything.everything()
            ]


def test_an_unknown_import_brought_nothing(store: DatabaseListingStore) -> None:
    with store.database.connection_context():
        assert find_brought(store.database, "import-1") is None


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_rows_of_both_imports_are_looked_at(
    store: DatabaseListingStore, kind: str
) -> None:
    """This makes a diff of two small imports fast in a large archive."""
    if not is_sqlite(store.database):
        pytest.skip("which index PostgreSQL uses depends on its statistics")
    fill(store, 6, imports=2)
    with store.database.connection_context():
        query = (
            _list(store.database, kind, "import-1", "import-2")
            ._select()
            .order_by(ScoredListing.import_index)
        )
        sql, parameters = store.database.get_sql_context().sql(query).query()
        plan = [
            row[3] for row in store.database.execute_sql(f"EXPLAIN QUERY PLAN {sql}", parameters)
        ]
    assert any("scored_listings_by_import (import_id=?" in step for step in plan)
    assert any("INDEX scored_listings_by_listing (first_event_id=?" in step for step in plan)
    assert not any(
        re.match("SCAN (t1|other|event_of)", step) or "FOR ORDER BY" in step for step in plan
    )
