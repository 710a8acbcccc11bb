"""New, gone and returned offers: the deltas agree with plain Python, whatever the order of the
imports."""

from typing import Any

from hypothesis import given, strategies as st
from peewee import Database

from glyphd.contracts.change_queries import DeltaQuery
from glyphd.history.delta_pages import Deltas
from glyphd.upkeep.archive_checks import ARCHIVE_CHECKS
from tests.examples import examples
from tests.history.conftest import FreshArchive
from tests.history.ledgers import Ledger
from tests.history.plain_deltas import PlainDeltas
from tests.history.plain_offers import Import, Row
from tests.history.test_offers import URL, row

DAY = 24 * 60

rows = st.builds(
    Row,
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from([URL, URL, URL, None]),
    st.sampled_from([1.0, 2.0]),
    st.just(0.5),
    st.none(),
    st.integers(0, 8).map(lambda day: day * DAY),
)
imports = st.builds(
    Import,
    st.sampled_from(["feed", "feed", "feed", "other"]),
    st.lists(rows, max_size=4, unique_by=lambda row: (row.identity, row.minute)),
    st.one_of(st.none(), st.integers(0, 8).map(lambda day: day * DAY)),
).filter(lambda one: one.rows or one.received is not None)
stories = st.lists(imports, min_size=1, max_size=6)
turns = st.lists(st.integers(0, 5), max_size=3)


def _told(ledger: Ledger, story: list[Import], turned: list[int]) -> None:
    for source, offered, received in story:
        ledger.take(source, *offered, received=received)
    for number in turned:
        ledger.turn(number % len(story))
    _check(ledger)
    assert [line for check in ARCHIVE_CHECKS for line in check(ledger.database)] == []


def _check(ledger: Ledger) -> None:
    plain = PlainDeltas(ledger.plain)
    assert {place for _, place in ledger.deltas_of("new")} == plain.new()
    assert {(file[0], before) for before, file in ledger.deltas_of("gone")} == plain.gone()
    assert ledger.deltas_of("back") == plain.back()
    for kinds in ("new", "gone", "back", "price,score,new,gone,back"):
        _check_pages(ledger.database, kinds)


def _check_pages(database: Database, kinds: str) -> None:
    """Pages of two rows make up the whole list, which is in order."""
    asked = {"kind": kinds.split(",")}
    whole = list(Deltas(database, DeltaQuery.model_validate(asked)).everything())
    moments = [found[Deltas.columns.index("timestamp")] for found in whole]
    assert moments == sorted(moments, reverse=True)
    paged: list[Any] = []
    cursor: str | None = None
    while True:
        query = DeltaQuery.model_validate(asked | {"cursor": cursor})
        page = Deltas(database, query).page(2)
        paged += page.rows
        cursor = page.next_cursor
        if cursor is None:
            break
    assert paged == whole


@examples(12)
@given(story=stories, turned=turns)
def test_every_story_on_sqlite(
    fresh_on_sqlite: FreshArchive, story: list[Import], turned: list[int]
) -> None:
    with fresh_on_sqlite() as database:
        _told(Ledger(database), story, turned)


@examples(3)
@given(story=stories, turned=turns)
def test_every_story_on_postgresql(
    fresh_on_postgresql: FreshArchive, story: list[Import], turned: list[int]
) -> None:
    with fresh_on_postgresql() as database:
        _told(Ledger(database), story, turned)


def test_a_row_that_is_later_than_that_of_the_complete_file(archive: Database) -> None:
    """The file lists the offer as it was before the previous import."""
    ledger = Ledger(archive)
    ledger.take("feed", row(10, 2 * DAY))
    other = row(20, 3 * DAY, seller="other")
    ledger.take("feed", row(10, DAY), other, received=0)
    ledger.take("feed", row(20, 4 * DAY, seller="other"), received=0)
    assert ledger.deltas_of("gone") == {((0, 1), (2, -1))}


def test_of_files_for_one_moment_only_the_last_one_speaks(archive: Database) -> None:
    ledger = Ledger(archive)
    ledger.take("feed", row(10, DAY))
    for _ in range(2):
        ledger.take("feed", received=2 * DAY)
    assert ledger.deltas_of("gone") == {((0, 1), (2, -1))}
