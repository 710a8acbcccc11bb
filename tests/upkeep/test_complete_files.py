"""Five days of a complete feed: the market is the last file, also in a rebuilt archive."""

import random
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from click.testing import CliRunner

from glyphd.cli import main
from tests.service import Service, open_service

HEADER = "model,price_usd,score,seller,source_url,seen_at\n"
COMPLETE = "?source=feed&complete=true"
MODELS = ("L4", "A100", "H100")
OFFERS, DAYS = 200, 5
Market = dict[int, tuple[str, float]]


def _file(day: int, market: Market) -> str:
    rows = (
        f"{model},{price},0.5,Shop {number},https://shop.example/{number},2025-07-0{day}"
        for number, (model, price) in market.items()
    )
    return HEADER + "\n".join(rows) + "\n"


def _days() -> list[Market]:
    """Each day a tenth of the offers is sold, others are added, and some prices change."""
    numbers = random.Random(7)
    days: list[Market] = []
    market = {number: (numbers.choice(MODELS), float(number + 10)) for number in range(OFFERS)}
    for day in range(DAYS):
        days.append(dict(market))
        for sold in numbers.sample(sorted(market), OFFERS // 10):
            del market[sold]
        for number in numbers.sample(sorted(market), OFFERS // 5):
            market[number] = (market[number][0], round(numbers.uniform(5, 500), 2))
        new = range(1000 * (day + 1), 1000 * (day + 1) + 5)
        market |= {number: (numbers.choice(MODELS), 50.0) for number in new}
    return days


@pytest.fixture
def fed(service: Service) -> Service:
    for day, market in enumerate(_days(), start=1):
        status = service.import_csv(_file(day, market), COMPLETE)
        assert status["effect"]["gone"] == (OFFERS // 10 if day > 1 else 0)
    return service


@pytest.mark.every_way
def test_the_market_is_that_of_the_last_file(fed: Service) -> None:
    *_, last = _days()
    found = {
        row["model"]: (row["listing_count"], row["min_price"], row["median_price"])
        for row in fed.http.get("/api/models").json
    }
    prices = {model: [price for name, price in last.values() if name == model] for model in MODELS}
    assert found == {
        model: (len(known), min(known), median(known)) for model, known in prices.items()
    }
    assert len(fed.listings("?gone=only")) == (DAYS - 1) * OFFERS // 10


def test_a_rebuilt_archive_gives_the_same_answers(fed: Service, tmp_path: Path) -> None:
    empty = fed.import_csv(HEADER, f"{COMPLETE}&allow_shrink=true")
    fed.http.post(f"/api/imports/{empty['import_id']}/rollback")
    fed.work()
    before = _answers(fed)
    into = tmp_path / "new.sqlite"
    folder = ["--data-dir", str(fed.settings.data_dir)]
    for command in (["verify", "--all"], ["rebuild", "--into", str(into)]):
        result = CliRunner().invoke(main, [*command, *folder])
        assert result.exit_code == 0, result.output
    into.rename(fed.settings.archive_path)
    for leftover in ("-wal", "-shm"):
        fed.settings.archive_path.with_name(f"gpu.sqlite{leftover}").unlink(missing_ok=True)
    assert _answers(open_service(fed.settings)) == before
    result = CliRunner().invoke(main, ["verify", "--all", *folder])
    assert result.exit_code == 0, result.output


def _answers(service: Service) -> list[Any]:
    statuses = service.http.get("/api/imports").json
    moments = [status["imported_at"] for status in statuses]
    paths = [f"/api/listings?gone=include&as_of={moment}" for moment in moments]
    paths += [f"/api/models?gone=only&as_of={moment}" for moment in moments]
    return [statuses, *(service.http.get(path).json for path in ("/api/listings", *paths))]
