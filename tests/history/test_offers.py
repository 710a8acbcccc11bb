"""Which rows are the same offer, what may be compared, and what is gone: the archive agrees with
plain Python."""

import pytest
from hypothesis import given, strategies as st
from peewee import Database

from tests.examples import examples
from tests.history.conftest import FreshArchive
from tests.history.ledgers import Ledger
from tests.history.plain_offers import Import, Row

DAY = 24 * 60
URL = "https://shop.example/1"


def row(
    price: float,
    minute: int = 0,
    *,
    url: str | None = URL,
    seller: str | None = "Acme",
    note: str | None = None,
) -> Row:
    return Row(seller, url, price, 0.5, note, minute)


@pytest.fixture
def ledger(archive: Database) -> Ledger:
    return Ledger(archive)


def test_a_listing_observed_again_and_again_in_one_file_moves_twice(ledger: Ledger) -> None:
    ledger.take("feed", row(100), row(120, 2 * DAY), row(100, 4 * DAY))
    assert ledger.deltas() == {((0, 1), (0, 2)), ((0, 2), (0, 3))}
    assert ledger.current() == {(0, 3)}
    ledger.check()


@pytest.mark.parametrize(("minutes", "current"), [(59, {(0, 1), (0, 2)}), (60, {(0, 2)})])
def test_an_observation_ends_with_an_hour(
    ledger: Ledger, minutes: int, current: set[tuple[int, int]]
) -> None:
    ledger.take("feed", row(100), row(120, minutes))
    assert ledger.current() == current
    ledger.check()


def test_rows_of_a_chain_are_one_observation(ledger: Ledger) -> None:
    """Each row is seen less than an hour after another one, in any order in the file."""
    ledger.take("feed", row(100, 100), row(100, 0), row(100, 50))
    assert ledger.current() == {(0, 1)}
    ledger.check()


@pytest.mark.parametrize(("copies", "next_copies"), [((3, 1), (1, 2)), ((1, 1), (2, 3))])
def test_copies_of_an_offer_are_one_offer(
    ledger: Ledger, copies: tuple[int, int], next_copies: tuple[int, int]
) -> None:
    for day, counts in enumerate((copies, next_copies)):
        rows = [
            row(price, day * DAY, url=f"{URL}{price}")
            for price, count in zip((10, 20), counts, strict=True)
            for _ in range(count)
        ]
        ledger.take("feed", *rows)
    assert len(ledger.current()) == 2
    assert ledger.diff(0, 1) == {"added": [], "removed": [], "changed": [], "unchanged": 2}
    ledger.check()


def test_copies_of_offers_that_are_not_the_first_of_the_file(ledger: Ledger) -> None:
    ledger.take(
        "feed", row(10), row(20), row(30, note="a"), row(20), row(30, note="b"), row(30, note="a")
    )
    assert ledger.current() == {(0, 1), (0, 4), (0, 5), (0, 6)}
    ledger.check()


def test_copies_seen_at_other_times_of_one_observation(ledger: Ledger) -> None:
    """The row seen last counts, wherever it is in the file."""
    ledger.take("feed", row(10, 30), row(10, 50), row(10, 30), row(20, 5), row(20, 45), row(20, 10))
    assert ledger.current() == {(0, 2), (0, 5)}
    ledger.check()


def test_equal_rows_without_a_url_are_separate_offers(ledger: Ledger) -> None:
    ledger.take("feed", row(10, url=None), row(10, url=None))
    assert ledger.current() == {(0, 1), (0, 2)}
    ledger.check()


def test_rows_equal_but_for_a_note_are_separate_offers(ledger: Ledger) -> None:
    ledger.take("feed", row(10, note="a"), row(10, note="b"), row(10, note="a"))
    assert ledger.current() == {(0, 2), (0, 3)}
    ledger.check()


def test_two_offers_at_first_and_one_later_in_a_file(ledger: Ledger) -> None:
    ledger.take("feed", row(10), row(12), row(11, DAY))
    assert ledger.current() == {(0, 3)}
    ledger.check()


def test_a_group_that_grows_and_shrinks(ledger: Ledger) -> None:
    ledger.take("feed", row(10, url=None))
    ledger.take("feed", row(10, DAY, url=None), row(12, DAY, url=None))
    ledger.take("feed", row(11, 2 * DAY, url=None))
    assert ledger.current() == {(2, 1)}
    assert ledger.deltas() == set()
    ledger.check()
    for number in (1, 2, 1, 0):
        ledger.turn(number)
        ledger.check()


def test_a_move_inside_a_group_is_no_move(ledger: Ledger) -> None:
    ledger.take("feed", row(10, url=None), row(20, url=None), row(30, url=None))
    ledger.take("feed", row(10, DAY, url=None), row(25, DAY, url=None), row(30, DAY, url=None))
    assert ledger.deltas() == set()
    assert ledger.diff(0, 1) == {"added": [2], "removed": [2], "changed": [], "unchanged": 2}
    ledger.check()


@pytest.mark.parametrize(("source", "moves"), [("feed", 1), ("FEED", 1), ("other", 0), (None, 0)])
def test_without_a_url_only_the_same_source_is_compared(
    ledger: Ledger, source: str | None, moves: int
) -> None:
    ledger.take("feed", row(10, url=None))
    ledger.take(source, row(11, DAY, url=None))
    assert len(ledger.deltas()) == moves
    ledger.check()


def test_with_a_url_sources_do_not_matter(ledger: Ledger) -> None:
    ledger.take("feed", row(10))
    ledger.take(None, row(11, DAY))
    assert len(ledger.deltas()) == 1
    ledger.check()


def test_without_seller_url_and_source_nothing_is_compared(ledger: Ledger) -> None:
    for day, price in enumerate((10, 11)):
        ledger.take(None, row(price, day * DAY, url=None, seller=None))
    assert ledger.deltas() == set()
    assert ledger.current() == {(1, 1)}
    ledger.check()


def test_a_source_that_lists_fewer_leaves_the_others_offers_alone(ledger: Ledger) -> None:
    ledger.take("a", row(10, url=None), row(20, url=None))
    ledger.take("b", row(10, DAY, url=None))
    assert ledger.current() == {(0, 2), (1, 1)}
    ledger.check()


def test_a_complete_file_between_the_rows_of_an_observation(ledger: Ledger) -> None:
    """One offer of a group was seen before the moment of the complete file, the other after it."""
    ledger.take("feed", row(10, 0), row(20, 30))
    ledger.take("feed", received=15)
    assert ledger.current() == {(0, 2)}
    ledger.take("feed", row(15, 40), received=0)
    assert ledger.gone() == {(0, 2): 40}
    ledger.check()


def test_an_empty_archive_with_an_empty_file(ledger: Ledger) -> None:
    ledger.take("feed", received=5)
    ledger.take("feed", row(10, 0))
    assert ledger.gone() == {(1, 1): 5}
    ledger.turn(0)
    ledger.check()


def test_a_group_of_a_complete_file(ledger: Ledger) -> None:
    ledger.take("feed", row(10, url=None), row(20, url=None), row(30, url=None), received=0)
    ledger.take("other", row(10, DAY, url=None), row(20, DAY, url=None))
    ledger.take("feed", row(10, DAY, url=None), received=0)
    assert ledger.gone() == {(0, 3): DAY}
    ledger.check()


rows = st.builds(
    Row,
    st.sampled_from(["Acme", "acme", None]),
    st.sampled_from([None, None, URL]),
    st.sampled_from([1.0, 1.1, 100.0]),
    st.sampled_from([0.5, 0.7]),
    st.sampled_from([None, None, "note"]),
    st.sampled_from([0, 30, 59, 60, 90, 119, 150, DAY, DAY + 60]),
)
minutes = st.sampled_from([0, 59, 150, DAY + 30])
imports = st.one_of(
    st.builds(
        Import,
        st.sampled_from(["feed", "Feed", "other", None]),
        st.lists(rows, min_size=1, max_size=5),
        st.none(),
    ),
    st.builds(Import, st.sampled_from(["feed", "other"]), st.lists(rows, max_size=5), minutes),
)
ledgers = st.lists(imports, min_size=1, max_size=4)
turns = st.lists(st.integers(0, 3), max_size=5)


def _told(ledger: Ledger, story: list[Import], turned: list[int]) -> None:
    remaining = iter(turned)
    for source, offered, received in story:
        ledger.take(source, *offered, received=received)
        number = next(remaining, None)
        if number is not None:
            ledger.turn(number % len(ledger.plain.imports))
    for number in remaining:
        ledger.turn(number % len(ledger.plain.imports))
    ledger.check()


@examples(12)
@given(story=ledgers, turned=turns)
def test_every_story_on_sqlite(
    fresh_on_sqlite: FreshArchive, story: list[Import], turned: list[int]
) -> None:
    with fresh_on_sqlite() as database:
        _told(Ledger(database), story, turned)


@examples(3)
@given(story=ledgers, turned=turns)
def test_every_story_on_postgresql(
    fresh_on_postgresql: FreshArchive, story: list[Import], turned: list[int]
) -> None:
    with fresh_on_postgresql() as database:
        _told(Ledger(database), story, turned)
