"""The two databases behave the same behind these functions."""

from collections.abc import Iterator
from threading import Event, Thread
from typing import Any

import pytest
from peewee import SQL, Database, IntegrityError, OperationalError, Table, fn

from glyphd.db.archive_models import IS_CURRENT, ScoredListing
from glyphd.db.connections import close_all, open_archive
from glyphd.db.dialects import (
    add_rows,
    caseless,
    caseless_value,
    contains_caseless,
    exclusive_write,
    interrupter,
    is_sqlite,
    stream,
    uncommitted,
)
from glyphd.settings import Settings
from glyphd.storage.timelines import MODEL_TIMELINE
from tests.db.ledger import IMPORT_ID, fill_archive

COLUMNS = ("import_id", "import_index", "model_7b", "model_13b", "model_70b")


@pytest.fixture
def archive(database_settings: Settings) -> Iterator[Database]:
    fill_archive(database_settings)
    database = open_archive(database_settings, read_only=False)
    with database.connection_context():
        yield database
    close_all(database)


def _models(archive: Database, condition: object) -> list[str]:
    query = ScoredListing.select(ScoredListing.model).where(condition).order_by(ScoredListing.id)
    return [model for (model,) in archive.execute(query)]


@pytest.mark.parametrize("model", ["RTX_A6000", "rtx_a6000", "Rtx_a6000"])
def test_equality_ignores_ascii_case(archive: Database, model: str) -> None:
    assert _models(archive, _is_model(archive, model)) == ["RTX_A6000"]


@pytest.mark.parametrize(
    ("stored", "asked", "equal"), [("ÉTÉ", "Été", False), ("ÉTÉ", "ÉtÉ", True), ("İ", "i", False)]
)
def test_only_ascii_letters_are_folded(
    archive: Database, stored: str, asked: str, equal: bool
) -> None:
    archive.execute(ScoredListing.update(model=stored).where(ScoredListing.id == 1))
    assert _models(archive, _is_model(archive, asked)) == ([stored] if equal else [])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("x_a6", 1),
        ("X_A6", 1),
        ("_", 2),
        ("%", 0),
        ("x%a", 0),
        ("xxa6", 0),
        ("\\", 0),
        ("é", 0),
        ("É", 0),
    ],
)
def test_contains_takes_every_character_as_itself(archive: Database, text: str, found: int) -> None:
    assert len(_models(archive, contains_caseless(archive, ScoredListing.model, text))) == found


def test_contains_folds_only_ascii_letters(archive: Database) -> None:
    archive.execute(ScoredListing.update(model="ÉTÉ 4090").where(ScoredListing.id == 1))
    assert _models(archive, contains_caseless(archive, ScoredListing.model, "Ét")) == ["ÉTÉ 4090"]
    assert _models(archive, contains_caseless(archive, ScoredListing.model, "été")) == []


def test_a_caseless_filter_uses_the_index(archive: Database) -> None:
    latest_first = (ScoredListing.seen_at.desc(), ScoredListing.id.desc())
    current = (
        ScoredListing.select().from_(MODEL_TIMELINE).where(IS_CURRENT, _is_model(archive, "H100"))
    )
    query = current.order_by(*latest_first)
    sql, parameters = archive.get_sql_context().sql(query).query()
    if not is_sqlite(archive):
        archive.execute_sql("SET enable_seqscan = off")
        archive.execute_sql("SET enable_bitmapscan = off")
    explain = "EXPLAIN QUERY PLAN" if is_sqlite(archive) else "EXPLAIN"
    plan = "\n".join(str(row[-1]) for row in archive.execute_sql(f"{explain} {sql}", parameters))
    used = (
        "SEARCH place USING PRIMARY KEY (model=?)"
        if is_sqlite(archive)
        else "scored_listings_current_by_model"
    )
    assert used in plan
    assert "Sort" not in plan
    assert "TEMP B-TREE" not in plan


def test_text_sorts_by_its_bytes(archive: Database) -> None:
    for event_id, model in ((1, "a"), (2, "B")):
        archive.execute(ScoredListing.update(title=model).where(ScoredListing.id == event_id))
    query = ScoredListing.select(ScoredListing.title).order_by(ScoredListing.title)
    assert [title for (title,) in archive.execute(query)] == ["B", "a"]


def test_exclusive_writes_do_not_overlap(archive: Database, database_settings: Settings) -> None:
    entered, order = Event(), []
    other = open_archive(database_settings, read_only=False)

    def write() -> None:
        entered.set()
        with other.connection_context(), exclusive_write(other):
            order.append("second")

    thread = Thread(target=write)
    with exclusive_write(archive):
        thread.start()
        assert entered.wait(10)
        thread.join(0.3)
        order.append("first")
    thread.join(30)
    assert order == ["first", "second"]
    close_all(other)


def test_an_exclusive_write_is_all_or_nothing(archive: Database) -> None:
    with pytest.raises(RuntimeError, match="stop"):
        _write_and_fail(archive)
    assert _count(archive, "quantized_listings") == 1


def test_add_rows_adds_each_row_as_it_is(archive: Database) -> None:
    columns = ("id", *ScoredListing._meta.sorted_field_names[1:])
    names = tuple(ScoredListing._meta.fields[name].column_name for name in columns)
    row = dict.fromkeys(names) | {
        "id": 9,
        "import_id": IMPORT_ID,
        "import_index": 9,
        "listing_id": bytes(range(240, 256)),
        "schema_version": 1,
        "is_current": 1,
        "model": "tab\tnewline\nbackslash\\ N \\N é",
        "price_usd": 1e-7,
        "nvlink": False,
        "score": 89.70154501941143,
        "heuristics": '{"a": "\\u0000"}',
        "seen_at": "2025-07-29T12:12:00.000000Z",
        "title": "",
        "vram_gb": 2**63 - 1,
        "ordinal": 1,
        "group_size": 1,
        "standing": 0,
        "is_indistinct": 0,
        "first_event_id": 9,
    }
    add_rows(archive, "scored_listings", names, iter([tuple(row.values())]))
    kept = archive.execute(ScoredListing.select().where(ScoredListing.id == 9)).fetchone()
    assert kept == tuple(row.values())


def test_add_rows_raises_peewees_errors(archive: Database) -> None:
    with pytest.raises(IntegrityError), archive.atomic():
        add_rows(archive, "quantized_listings", COLUMNS, [(IMPORT_ID, 1, 1, 1, 1)])
    assert _count(archive, "quantized_listings") == 1


def test_a_failing_source_of_rows_adds_none(archive: Database) -> None:
    def rows() -> Iterator[tuple[object, ...]]:
        yield (IMPORT_ID, 2, 1, 1, 1)
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"), archive.atomic():
        add_rows(archive, "quantized_listings", COLUMNS, rows())
    assert _count(archive, "quantized_listings") == 1


def test_temporary_rows_wait_for_no_writer(archive: Database, database_settings: Settings) -> None:
    other = open_archive(database_settings, read_only=False)
    with other.connection_context(), exclusive_write(other):
        archive.execute_sql("CREATE TEMPORARY TABLE stage (n INTEGER)")
        with uncommitted(archive):
            add_rows(archive, "stage", ("n",), ((number,) for number in range(5)))
        assert _count(archive, "stage") == 5
    close_all(other)


def test_a_stream_gives_every_row_while_others_change(archive: Database) -> None:
    archive.execute_sql("CREATE TEMPORARY TABLE stage (n INTEGER PRIMARY KEY)")
    n = Table("stage").c.n
    with uncommitted(archive):
        add_rows(archive, "stage", ("n",), ((number,) for number in range(5000)))
        seen = []
        for (number,) in stream(archive, Table("stage").select(n).where(n >= 10).order_by(n)):
            seen.append(number)
            archive.execute_sql(f"UPDATE stage SET n = -n WHERE n = {number}")
    assert seen == list(range(10, 5000))


def _is_model(archive: Database, model: str) -> Any:
    node: Any = caseless(archive, ScoredListing.model)
    return node == caseless_value(archive, model)


def _write_and_fail(archive: Database) -> None:
    with exclusive_write(archive):
        add_rows(archive, "quantized_listings", COLUMNS, [(IMPORT_ID, 2, 1, 1, 1)])
        raise RuntimeError("stop")


def _count(archive: Database, table: str) -> int:
    return int(archive.execute(Table(table).select(fn.COUNT(SQL("*")))).fetchone()[0])


def test_a_statement_at_work_can_be_interrupted(archive: Database) -> None:
    """Interrupts repeatedly until the statement has ended, because the first call may come before
    it has begun."""
    endless = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    )
    interrupt, ended = interrupter(archive), Event()

    def keep_interrupting() -> None:
        while not ended.wait(0.01):
            interrupt()

    other = Thread(target=keep_interrupting)
    other.start()
    with pytest.raises(OperationalError):
        archive.execute_sql(endless).fetchall()
    ended.set()
    other.join()
