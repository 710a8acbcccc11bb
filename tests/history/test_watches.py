"""What watches find in each import, rollback and restore, and how any two moments differ: the
archive agrees with plain Python."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st
from peewee import Database

from glyphd.contracts.column_checks import CheckOptions
from glyphd.db.archive_models import RESTORE, ROLLBACK
from glyphd.db.registry_models import Job
from glyphd.db.watch_models import Watch
from glyphd.history.moment_diff import Market, count_moments
from glyphd.importing.claims import Claim
from glyphd.listings.search import known_at
from glyphd.storage.batch_changes import Change, change_batch
from glyphd.storage.batches import Batch
from glyphd.storage.clock import last_moment
from glyphd.storage.staging import open_stage
from glyphd.storage.stores import staged_columns
from glyphd.storage.writing import write_batch
from tests.examples import examples
from tests.history.conftest import FreshArchive
from tests.history.ledgers import listing_of
from tests.history.plain_offers import Import, Listing, PlainLedger, Row
from tests.history.plain_watches import Found, PlainWatches, Shown, difference
from worker.watching import find_offers, survey

DAY = 24 * 60
BELOW, PERCENT = 50.0, 10.0
VALUES = {"price_below": BELOW, "drop_pct": PERCENT}
CONDITIONS = ("new", "gone", "back", "price_below", "drop_pct", "lowest_ever")
URL = "https://shop.example/1"


@dataclass
class Story:
    """An archive and plain Python with the same history. The caller must keep the connection
    open."""

    database: Database
    plain: PlainWatches = field(default_factory=lambda: PlainWatches(PlainLedger()))
    states: list[tuple[str, dict[Listing, Shown]]] = field(default_factory=list)

    def take(self, source: str | None, rows: list[Row], *, complete: bool = False) -> None:
        """Imports rows, and compares the matches."""
        before, ledger = self.plain.state(), self.plain.ledger
        number = len(ledger.imports)
        ledger.imports.append(Import(source, rows, 0 if complete else None))
        found: Found = {}
        with open_stage(self.database) as stage:
            options = CheckOptions("2025-07-01T00:00:00.000000Z")
            for columns in staged_columns(map(listing_of, rows), options):
                stage.add(columns)
            stage.complete()
            batch = Batch(str(number), source, complete=complete, allow_shrink=True)
            write_batch(self.database, stage, batch, look=lambda _: found.update(self._found()))
        self._check(found, before)

    def turn(self, number: int) -> None:
        """Rolls an import back, or restores it if it is rolled back."""
        before, out = self.plain.state(), self.plain.ledger.out
        kind = RESTORE if number in out else ROLLBACK
        found: Found = {}
        change = Change(str(number), kind)
        change_batch(self.database, change, look=lambda _: found.update(self._found()))
        (out.discard if kind == RESTORE else out.add)(number)
        self._check(found, before)

    def check_moments(self) -> None:
        """Compares each moment with the next one, the last with now, the last with the first, and
        the first with now."""
        now = (None, self.states[-1][1])
        pairs = [*pairwise([*self.states, now]), (self.states[-1], self.states[0])]
        for (old, then), (new, later) in [*pairs, (self.states[0], now)]:
            markets = (Market(known_at(self.database, moment)) for moment in (old, new))
            counts = count_moments(self.database, *markets)
            names = ("added", "removed", "changed", "unchanged")
            assert {name: getattr(counts, name) for name in names} == difference(then, later)

    def _check(self, found: Found, before: dict[Listing, Shown]) -> None:
        assert found == self.plain.found(before, BELOW, PERCENT)
        self.states.append((last_moment(self.database), self.plain.state()))

    def _found(self) -> Found:
        claim = Claim(Job(import_id="1", kind="import"), 1)
        found: Found = {}
        moved = survey(self.database)
        for condition in CONDITIONS:
            watch = Watch(
                id=condition, filters="{}", condition=condition, value=VALUES.get(condition)
            )
            offers = find_offers(self.database, moved, watch, claim)
            assert offers.total == len(offers.offers)
            found[condition] = {_place(offer) for offer in offers.offers}
            assert len(found[condition]) == offers.total
        assert {name for name, offers in found.items() if offers} <= moved.conditions
        return found


def _place(offer: dict[str, Any] | Any) -> tuple[Listing, float | None, float]:
    """Of several offers with the same identity, only the first can be recognised."""
    identity = (offer["seller"] or "").lower(), offer["source_url"]
    return (identity, 1), offer["previous_price_usd"], offer["price_usd"]


def _row(price: float, minute: int, seller: str = "Acme", url: str | None = URL) -> Row:
    return Row(seller, url, price, 0.5, None, minute)


@pytest.fixture
def story(archive: Database) -> Story:
    return Story(archive)


def test_an_offer_comes_goes_and_comes_back(story: Story) -> None:
    story.take("feed", [_row(100, 0), _row(60, 0, "Yak")], complete=True)
    story.take("feed", [_row(40, DAY)], complete=True)
    story.take("feed", [_row(45, 2 * DAY), _row(30, 2 * DAY, "Yak")])
    story.turn(1)
    story.turn(1)
    story.turn(2)
    story.check_moments()


def test_a_complete_file_lists_again_what_a_later_row_says(story: Story) -> None:
    story.take("feed", [_row(100, 0), _row(60, 0, "Yak")])
    story.take("feed", [_row(70, 50, "Yak")])
    story.take("feed", [_row(100, DAY)], complete=True)
    story.take("feed", [_row(100, 2 * DAY), _row(65, 10, "Yak")], complete=True)
    story.check_moments()


def test_a_late_complete_file_makes_nothing_gone(story: Story) -> None:
    story.take("feed", [_row(100, 2 * DAY), _row(60, 2 * DAY, "Yak")], complete=True)
    story.take("feed", [_row(90, DAY), _row(80, DAY, "Zoo")], complete=True)
    story.turn(0)
    story.turn(0)
    story.check_moments()


def test_a_late_file_takes_an_offer_that_its_source_no_longer_lists(story: Story) -> None:
    story.take("feed", [_row(100, DAY)], complete=True)
    story.take("other", [_row(30, 0, "Yak")])
    story.take("feed", [_row(30, 0, "Yak")])
    story.take("other", [_row(45, 1, "Yak")])
    story.take("feed", [_row(50, 2, "Yak")])
    story.turn(4)
    story.check_moments()


def test_an_older_group_makes_an_offer_incomparable(story: Story) -> None:
    story.take("other", [Row("Acme", URL, 30.0, 0.7, None, 0)])
    story.take(None, [_row(30, 30)])
    story.take("feed", [_row(50, 0), _row(30, 0)])
    story.check_moments()


rows = st.builds(
    Row,
    st.sampled_from(["Acme", "acme", "Yak", None]),
    st.sampled_from([None, URL, URL]),
    st.sampled_from([30.0, 45.0, 50.0, 100.0]),
    st.sampled_from([0.5, 0.7]),
    st.none(),
    st.sampled_from([0, 30, 90, 150, DAY, DAY + 60]),
)
imports = st.tuples(
    st.sampled_from(["feed", "Feed", "other", None]),
    st.lists(rows, min_size=1, max_size=4),
    st.booleans(),
)
stories = st.lists(imports, min_size=1, max_size=4)
turns = st.lists(st.integers(0, 3), max_size=5)
Given = tuple[str | None, list[Row], bool]


def _told(story: Story, files: list[Given], turned: list[int]) -> None:
    remaining = iter(turned)
    for source, offered, complete in files:
        story.take(source, offered, complete=complete and source is not None)
        number = next(remaining, None)
        if number is not None:
            story.turn(number % len(story.plain.ledger.imports))
    for number in remaining:
        story.turn(number % len(story.plain.ledger.imports))
    story.check_moments()


@examples(5)
@given(files=stories, turned=turns)
def test_every_story_on_sqlite(
    fresh_on_sqlite: FreshArchive, files: list[Given], turned: list[int]
) -> None:
    with fresh_on_sqlite() as database:
        _told(Story(database), files, turned)


@examples(2)
@given(files=stories, turned=turns)
def test_every_story_on_postgresql(
    fresh_on_postgresql: FreshArchive, files: list[Given], turned: list[int]
) -> None:
    with fresh_on_postgresql() as database:
        _told(Story(database), files, turned)
