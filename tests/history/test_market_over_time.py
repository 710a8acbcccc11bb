"""The market at every moment, its deltas and its models: the service agrees with the plain
rules."""

from collections.abc import Callable
from decimal import Decimal
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, strategies as st

from glyphd.cli import main
from tests.examples import examples
from tests.history.plain_market import Offer, PlainMarket, answered
from tests.service import Service, StartService, offers, start_in

LARGE = 3000
PERCENTS = (0, 5, 10, 50)

offer = st.builds(
    Offer,
    st.sampled_from(["L4", "l4", "A100", "H100"]),
    st.sampled_from([0, 1, 1.05, 1.1, 2, 100]),
    st.sampled_from([0.5, 0.7]),
    st.sampled_from(["w", "x", "X", "y"]),
    st.integers(1, 4),
)
distinct = st.lists(
    offer, min_size=1, max_size=4, unique_by=lambda row: (row.model.lower(), row.seller.lower())
)
files = st.lists(distinct, min_size=1, max_size=4)
wishes = st.lists(st.integers(0, 3), max_size=5)


class Story:
    """A service and the plain market with the same history."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.market = PlainMarket()

    def take(self, rows: list[Offer]) -> str:
        import_id = str(
            self.service.import_csv(offers(*(row.as_csv() for row in rows)))["import_id"]
        )
        (row,) = self.service.listings(f"?import_id={import_id}&limit=1&fields=imported_at")
        self.market.take(import_id, row["imported_at"], rows)
        return import_id

    def turn(self, import_id: str) -> None:
        """Rolls the import back, or restores it if it is rolled back."""
        kind = "restore" if import_id in self.market.rolled_back(self._now()) else "rollback"
        self.service.http.post(f"/api/imports/{import_id}/{kind}")
        self.service.work()
        self.market.change(kind, import_id, self.service.changes()[-1].changed_at)

    def check(self) -> None:
        """Compares the market now and at every moment so far."""
        now = self._now()
        assert answered(self.service.listings()) == self.market.current(now)
        for moment in self.market.moments():
            assert answered(self.service.listings(f"?as_of={moment}")) == self.market.current(
                moment
            )
        for least in PERCENTS:
            assert self._deltas(least) == self.market.deltas(now, least)
        assert self._models() == self.market.models(now)

    def _now(self) -> str:
        return max(self.market.moments())

    def _deltas(self, least: float) -> set[tuple[str, str, str, Decimal]]:
        rows: list[dict[str, Any]] = self.service.http.get(
            f"/api/deltas?min_price_change_pct={least}"
        ).json
        return {
            (
                row["previous_import_id"],
                row["import_id"],
                row["model"],
                Decimal(str(row["price_delta"])),
            )
            for row in rows
        }

    def _models(self) -> dict[str, tuple[int, float]]:
        rows = self.service.http.get("/api/models").json
        return {row["model"].lower(): (row["listing_count"], row["median_price"]) for row in rows}


def _told(story: Story, market: list[list[Offer]], turns: list[int]) -> None:
    taken: list[str] = []
    remaining = iter(turns)
    for rows in market:
        taken.append(story.take(rows))
        story.check()
        _turn_next(story, taken, remaining.__next__)
        story.check()
    for number in remaining:
        story.turn(taken[number % len(taken)])
        story.check()


def _turn_next(story: Story, taken: list[str], following: Callable[[], int]) -> None:
    try:
        story.turn(taken[following() % len(taken)])
    except StopIteration:
        return


@pytest.fixture
def fresh_service(tmp_path: Path, initialised_folder: Path) -> Callable[[], Service]:
    """Starts a fresh service at every call, for tests that need several."""
    numbers = count()
    return lambda: start_in(tmp_path / f"data{next(numbers)}", initialised_folder)


@examples(4)
@given(market=files, turns=wishes)
def test_every_story(
    fresh_service: Callable[[], Service], market: list[list[Offer]], turns: list[int]
) -> None:
    _told(Story(fresh_service()), market, turns)


def test_three_days_of_thousands(start_service: StartService) -> None:
    """Imports A; B, with some changed prices, some listings gone and some new; and C. Then B is
    rolled back and restored, and C and A are rolled back."""
    random = Random(7)
    monday = [_offer(random, number, day=1) for number in range(LARGE)]
    tuesday = [_later(random, row, day=2) for row in monday if random.random() < 0.9]
    tuesday += [_offer(random, number, day=2) for number in range(LARGE, LARGE + 200)]
    wednesday = [_later(random, row, day=3) for row in tuesday if random.random() < 0.9]
    story = Story(start_service())
    a, b, c = (story.take(rows) for rows in (monday, tuesday, wednesday))
    story.check()
    for import_id in (b, b, c, a):
        story.turn(import_id)
        story.check()
    result = CliRunner().invoke(
        main, ["verify", "--all", "--data-dir", str(story.service.settings.data_dir)]
    )
    assert result.exit_code == 0, result.output


def _offer(random: Random, number: int, day: int) -> Offer:
    model = random.choice(["L4", "A100", "H100", "RTX_A6000"])
    return Offer(
        model, round(random.uniform(1, 9000), 2), random.choice([0.5, 0.7]), f"seller {number}", day
    )


def _later(random: Random, offer: Offer, day: int) -> Offer:
    price = (
        offer.price if random.random() < 0.7 else round(offer.price * random.uniform(0.5, 1.5), 2)
    )
    return offer._replace(price=price, day=day)
