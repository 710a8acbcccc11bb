"""Prices and scores at both ends of the range of a double: SQLite and PostgreSQL give the same
answers, and nothing overflows or underflows."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import cycle, product
from pathlib import Path
from typing import Any

import pytest

from glyphd.settings import Settings
from tests.service import Service, close_services, open_service, start_in
from tests.web.browsing import Browser

SMALLEST, LARGEST = 5e-324, 1.7976931348623157e308
PRICES = (0, SMALLEST, 1e-323, 5e-323, 5.5e-323, 3e-308, 1e-200, 1.2e-200, 1e-100, 250, 1e100,
          1e290, 9e307, LARGEST)  # fmt: skip
SCORES = (0.5, SMALLEST, -SMALLEST, LARGEST, -LARGEST, 1e-100)
CAPACITIES = (24, 0, "", 1, 2**31 - 1)
PERCENTAGES = ("1e-9", "5", "9.99", "10.1", "99.99", "1e300", "1.7976931348623157e308")
PAIRS = list(product(PRICES, PRICES))
MOST = 1000
OF_ONE_ARCHIVE = {"import_id", "previous_import_id", "links"}
CONDITIONS = {"drop_pct": 10, "price_below": 1e-310, "lowest_ever": None, "new": None}

COLUMNS = "model,price_usd,score,vram_gb,seller,condition,source_url,seen_at"
FIELDS = (
    "seller,source_url,price_usd,score,score_per_1000_usd,usd_per_gb,price_percentile,"
    "price_vs_median_pct,lowest_price,lowest_price_90d,is_lowest"
)
PATHS = [
    *(f"/api/deltas?min_price_change_pct={percent}" for percent in PERCENTAGES),
    "/api/deltas?direction=down",
    "/api/stats",
    "/api/stats?by=model,condition",
    f"/api/stats?min_price={SMALLEST}&max_price=1e-320",
    "/api/stats/history?bucket=day&by=model",
    "/api/models",
    "/api/models/L4/history",
    "/api/index?bucket=day",
    *(
        f"/api/listings?fields={FIELDS}&sort={key}"
        for key in (
            "price_usd",
            "-score",
            "score_per_1000_usd",
            "-usd_per_gb",
            "price_vs_median_pct",
        )
    ),
    f"/api/listings?fields={FIELDS}&history=true&format=csv",
    "/api/diff?from=2025-07-02T00:00:00Z&kind=changed",
]
PAGES = ["/", "/changes?sort=size", "/changes?min_price_change_pct=10", "/models/L4", "/listings",
         "/compare?from=2025-07-02"]  # fmt: skip


def _file(day: int, prices: list[float]) -> str:
    rows = zip(prices, cycle(SCORES), cycle(CAPACITIES), cycle(("L4", "A100", "T4")), strict=False)
    lines = [
        f"{model},{price},{score},{vram},{number},new,https://a.example/{number},2025-07-0{day}T08:00Z"
        for number, (price, score, vram, model) in enumerate(rows)
    ]
    return "\n".join([COLUMNS, *lines])


@dataclass(frozen=True)
class Extremes:
    """A service with two imports of the same offers, whose price pairs are all pairs of extreme
    prices."""

    service: Service
    found_at_import: dict[str, set[int]] = field(default_factory=dict)
    """The numbers of the offers, by percentage and by the condition of a watch."""

    def answer(self, path: str) -> Any:
        """The answer without values that differ between archives."""
        joined = f"{path}{'&' if '?' in path else '?'}limit={MOST}"
        found = self.service.http.get(joined)
        if found.content_type != "application/json":
            return found.text
        rows = found.json if isinstance(found.json, list) else [found.json]
        return [
            {name: value for name, value in row.items() if name not in OF_ONE_ARCHIVE}
            for row in rows
        ]

    def offers(self, path: str) -> set[int]:
        """The numbers of the offers in an answer."""
        return {int(row["seller"]) for row in self.answer(path)}

    def changed(self) -> dict[str, set[int]]:
        """By percentage, the offers whose price changed by at least that much, according to the
        service."""
        path = "/api/deltas?min_price_change_pct="
        return {percent: self.offers(f"{path}{percent}") for percent in PERCENTAGES}


def _extremes(service: Service) -> Extremes:
    first = service.import_csv(_file(1, [price for price, _ in PAIRS]))
    watches = {}
    for condition, value in CONDITIONS.items():
        asked = {"name": condition, "condition": condition} | ({"value": value} if value else {})
        watches[condition] = service.http.post_json("/api/watches", asked).json["links"]["matches"]
    second = service.import_csv(_file(2, [price for _, price in PAIRS]))
    for status in (first, second):
        assert (status["status"], status["record_count"]) == ("succeeded", len(PAIRS))
    extremes = Extremes(service)
    extremes.found_at_import.update(extremes.changed())
    for condition, path in watches.items():
        extremes.found_at_import[condition] = extremes.offers(path)
    for action in ("rollback", "restore"):  # these recompute the order of observations
        service.http.post(f"/api/imports/{second['import_id']}/{action}")
        service.work()
    return extremes


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory, initialised_folder: Path) -> Extremes:
    return _extremes(start_in(tmp_path_factory.mktemp("extremes") / "data", initialised_folder))


@pytest.fixture(scope="module")
def on_postgresql(
    tmp_path_factory: pytest.TempPathFactory, module_database: str
) -> Iterator[Extremes]:
    folder = tmp_path_factory.mktemp("extremes") / "data"
    service = open_service(Settings(data_dir=folder, database_url=module_database))
    yield _extremes(service)
    close_services(service.services)


@pytest.fixture(params=["on_sqlite", "on_postgresql"])
def extremes(request: pytest.FixtureRequest) -> Extremes:
    found: Extremes = request.getfixturevalue(request.param)
    return found


def _changed(percent: str) -> set[int]:
    """The offers whose price changed by at least this percentage, computed in fractions of the
    displayed decimals."""
    return {
        number
        for number, (old, new) in enumerate(PAIRS)
        if old and round(abs(_percent(old, new)), 6) >= Fraction(percent)
    }


def _percent(old: float, new: float) -> Fraction:
    before, after = Fraction(repr(old)), Fraction(repr(new))
    return (after - before) * 100 / before


@pytest.mark.parametrize("path", PATHS)
def test_both_databases_give_the_same_answers(
    on_sqlite: Extremes, on_postgresql: Extremes, path: str
) -> None:
    assert on_postgresql.answer(path) == on_sqlite.answer(path)


@pytest.mark.parametrize("path", PAGES)
def test_pages_show_them(on_sqlite: Extremes, on_postgresql: Extremes, path: str) -> None:
    for extremes in (on_sqlite, on_postgresql):
        assert Browser(extremes.service).get(path).status_code == 200


def test_every_change_is_found_by_its_percentage(extremes: Extremes) -> None:
    expected = {percent: _changed(percent) for percent in PERCENTAGES}
    assert {name: extremes.found_at_import[name] for name in PERCENTAGES} == expected
    assert extremes.changed() == expected


def test_watches_find_what_became_cheaper(extremes: Extremes) -> None:
    fell = {number for number, (old, new) in enumerate(PAIRS) if new < old}
    assert extremes.found_at_import["lowest_ever"] == fell
    assert extremes.found_at_import["drop_pct"] == _changed("10") & fell
