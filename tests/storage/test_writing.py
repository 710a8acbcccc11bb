"""The single write transaction: consistent with the models, all or nothing, and in order whatever
the clock does."""

import re
from collections.abc import Iterator
from itertools import count
from random import Random
from typing import Any

import pytest
from peewee import Database, Node

from glyphd.db.archive_models import ARCHIVE_MODELS, ImportBatch, ListingKey, ScoredListing
from glyphd.db.compiled import Compiled
from glyphd.db.dialects import is_sqlite
from glyphd.db.order_models import SQLITE_MODELS
from glyphd.storage import grouping, predecessors, stage_tables, staged_models, writing
from glyphd.storage.batches import Batch
from glyphd.storage.derived import renewing
from glyphd.storage.derived.all_facts import FACTS
from glyphd.storage.predecessors import Origin
from glyphd.storage.preparing import Step
from glyphd.storage.stage_tables import STAGED_COLUMNS, TABLE, VIEWS
from glyphd.storage.staging import Stage, open_stage
from glyphd.storage.stores import DatabaseListingStore
from glyphd.storage.writing import write_batch
from glyphd.storage.written import find_written
from tests.storage.listings import listing, rows, seen

ORIGIN = Origin(has_source=True, may_lack_names=False)
STATEMENTS = 7
"""Including those that find predecessors."""
STATEMENTS_FOR_ORDERS = 5
STATEMENTS_FOR_FILES = 4
"""Only in an archive with complete files."""
GROUP_WORDS = (
    "is_several",
    "word_index",
    "anchor_index",
    "anchor",
    "other_offer",
    "own_batch",
    "is_grouped",
)
SCAN_OF_ALL = re.compile("SCAN (scored_listings|current|event|listing_keys|events_by|changes_by)")


class Stopped(Exception):
    """Raised between two statements."""


@pytest.fixture
def stage(archive: Database) -> Iterator[Stage]:
    """Three rows in the stage, two of them equal."""
    with open_stage(archive) as opened:
        opened.add(rows(seen(1), seen(2, model="A", vram_gb=24), seen(1)))
        opened.complete()
        yield opened


def _stopping_at(statement: int) -> Step:
    calls = count()

    def stop(done: float) -> None:
        if next(calls) == statement:
            raise Stopped

    return stop


def _everything(database: Database) -> dict[str, list[Any]]:
    models = (*ARCHIVE_MODELS, *(SQLITE_MODELS if is_sqlite(database) else ()))
    return {model._meta.table_name: database.execute(model.select()).fetchall() for model in models}


def _statement_count(database: Database) -> int:
    return STATEMENTS + (STATEMENTS_FOR_ORDERS if is_sqlite(database) else 0)


def _every_statement(database: Database) -> list[Node]:
    return [
        *predecessors.find_predecessors(database, ORIGIN),
        *(statement for fact in FACTS for statement in fact.prepare_rows(database, ORIGIN)),
        *writing.writing_statements(database, ORIGIN),
    ]


def _explained(database: Database, how: str, statement: Node) -> list[Any]:
    sql, values = database.get_sql_context().sql(statement).query()
    own = {"import_id": "a", "schema_version": 2, "source": "feed", "top": 4}
    found: list[Any] = Compiled(f"{how} {sql}", values).execute(database, **own).fetchall()
    return found


def _imported_at(database: Database) -> list[str]:
    return [
        at
        for (at,) in database.execute(
            ImportBatch.select(ImportBatch.imported_at).order_by(ImportBatch.id)
        )
    ]


def test_statements_name_what_there_is(archive: Database, stage: Stage) -> None:
    """SQLite treats an unknown name in quotes as a text, without an error."""
    temporary = (
        *VIEWS,
        *STAGED_COLUMNS,
        *stage_tables.PREDECESSOR_TABLES,
        *stage_tables.ORDER_TABLES,
        *stage_tables.TIMED_COLUMNS,
        "place",
        *predecessors.COLUMNS,
        *staged_models.TABLES,
    )
    known = {*temporary, *grouping.TABLES, *GROUP_WORDS, "EXCLUDED", "C"}
    for table in archive.get_tables():
        known |= {table, *(column.name for column in archive.get_columns(table))}
    statements = _every_statement(archive)
    assert len(statements) == _statement_count(archive) + STATEMENTS_FOR_FILES
    for statement in statements:
        sql, _ = archive.get_sql_context().sql(statement).query()
        named = set(re.findall(r'"([^"]+)"', sql)) - set(re.findall(r'AS "([^"]+)"', sql))
        assert named <= known


def test_statements_can_be_planned(archive: Database, stage: Stage) -> None:
    for statement in _every_statement(archive):
        assert _explained(archive, "EXPLAIN", statement)


def test_nothing_goes_over_all_events(archive: Database, stage: Stage) -> None:
    """However large the archive is, an import looks up only what it needs."""
    if not is_sqlite(archive):
        pytest.skip("what PostgreSQL does depends on its statistics")
    renewing.create_tables(archive)
    renewal = [
        statement
        for query in predecessors.listings_to_renew(ORIGIN)
        for statement in renewing.renewing_statements(archive, query)
    ]
    for statement in [*_every_statement(archive), *renewal]:
        plan = [row[3] for row in _explained(archive, "EXPLAIN QUERY PLAN", statement)]
        assert not [step for step in plan if SCAN_OF_ALL.match(step)]


@pytest.mark.usefixtures("any_size")
def test_whatever_fails_nothing_is_written(archive: Database, stage: Stage) -> None:
    before = _everything(archive)
    for at in range(_statement_count(archive) + 1):
        with pytest.raises(Stopped):
            write_batch(archive, stage, Batch("a"), step=_stopping_at(at))
        assert _everything(archive) == before, f"statement {at}"


@pytest.mark.usefixtures("any_size")
def test_after_a_failure_it_can_be_written(archive: Database, stage: Stage) -> None:
    with pytest.raises(Stopped):
        write_batch(archive, stage, Batch("a"), step=_stopping_at(_statement_count(archive) - 1))
    assert write_batch(archive, stage, Batch("a")).record_count == 3


@pytest.mark.usefixtures("any_size")
def test_it_tells_how_far_it_is(archive: Database, stage: Stage) -> None:
    told: list[float] = []
    write_batch(archive, stage, Batch("a"), step=told.append)
    assert len(told) == len(set(told)) == _statement_count(archive) + 1
    assert told == sorted(told)
    assert told[0] == 0
    assert told[-1] < 1


def test_a_batch_has_what_was_asked_and_what_came_of_it(archive: Database, stage: Stage) -> None:
    batch = Batch(
        "a", "perplexity", "July", "f.csv", "0" * 64, {"rows_read": 3, "errors": [{"line": 2}]}
    )
    written = write_batch(archive, stage, batch)
    assert find_written(archive, "a") == written
    assert (written.record_count, written.first_model, written.last_model) == (3, "L4", "L4")
    assert written.result | batch.result == written.result
    assert written.result["summary"]["top_models"] == [
        {"model": "L4", "count": 2},
        {"model": "A", "count": 1},
    ]
    assert written.result["effect"] == {
        "new": 3,
        "changed": 0,
        "unchanged": 0,
        "older": 0,
        "indistinct": 0,
        "gone": 0,
        "back": 0,
    }
    assert [warning["code"] for warning in written.result["warnings"]] == ["indistinct_rows"]
    kept = ImportBatch.select().bind(archive).get()
    assert (kept.source, kept.description, kept.filename, kept.sha256) == (
        "perplexity",
        "July",
        "f.csv",
        "0" * 64,
    )


def test_an_import_that_was_never_written_is_not_found(archive: Database) -> None:
    assert find_written(archive, "a") is None


def test_the_first_and_last_model_are_those_of_the_accepted_rows(archive: Database) -> None:
    with open_stage(archive) as stage:
        stage.add({**rows(seen(1), seen(1, model="B")), "import_index": (3, 8)})
        stage.complete()
        written = write_batch(archive, stage, Batch("a"))
    assert (written.record_count, written.first_model, written.last_model) == (2, "L4", "B")


def test_ids_grow_with_imports_and_fall_within_one(store: DatabaseListingStore) -> None:
    for import_id in ("a", "b"):
        store.insert_listings([listing(), listing(), listing()], import_id)
    order = ScoredListing.select(ScoredListing.import_id, ScoredListing.import_index).order_by(
        ScoredListing.id.desc()
    )
    with store.database.connection_context():
        found = [tuple(row) for row in store.database.execute(order)]
    assert found == [("b", 1), ("b", 2), ("b", 3), ("a", 1), ("a", 2), ("a", 3)]


def test_times_of_imports_grow_although_the_clock_jumps_back(
    store: DatabaseListingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(
        [
            "2025-07-29T12:00:00.000000Z",
            "2020-01-01T00:00:00.000000Z",
            "2025-07-29T12:00:00.000001Z",
        ]
    )
    monkeypatch.setattr("glyphd.storage.clock.now_text", lambda: next(clock))
    for import_id in ("a", "b", "c"):
        store.insert_listings([seen(1)], import_id)
    with store.database.connection_context():
        assert _imported_at(store.database) == [
            f"2025-07-29T12:00:00.00000{digit}Z" for digit in (0, 1, 2)
        ]


def test_a_superseded_event_loses_its_flag_and_stays(store: DatabaseListingStore) -> None:
    store.insert_listings([seen(1, price_usd=1)], "a")
    store.insert_listings([seen(2, price_usd=2)], "b")
    with store.database.connection_context():
        flags = ScoredListing.select(ScoredListing.import_id, ScoredListing.is_current).order_by(
            ScoredListing.id
        )
        assert [tuple(row) for row in store.database.execute(flags)] == [("a", 0), ("b", 1)]


def test_the_current_event_is_the_latest_whatever_the_order(store: DatabaseListingStore) -> None:
    random = Random(20250729)
    for number in range(12):
        models = random.sample("ABCDE", k=4)
        store.insert_listings(
            [seen(random.randint(1, 5), model=model, price_usd=number) for model in models],
            str(number),
        )
    with store.database.connection_context():
        database = store.database
        events = list(ScoredListing.select().bind(database))
        keys = {
            bytes(key.listing_id): key.current_event_id
            for key in ListingKey.select().bind(database)
        }
    latest: dict[bytes, Any] = {}
    for event in sorted(events, key=lambda event: (event.seen_at, event.id)):
        latest[bytes(event.listing_id)] = event.id
    assert (
        {bytes(event.listing_id): event.id for event in events if event.is_current}
        == latest
        == keys
    )


def test_the_stage_is_gone_afterwards(store: DatabaseListingStore) -> None:
    store.insert_listings([listing()], "a")
    with store.database.connection_context():
        assert TABLE not in store.database.get_tables()
        with open_stage(store.database) as stage:
            assert (stage.count, stage.bounds, stage.model_at(1)) == (0, (0, 0), None)
