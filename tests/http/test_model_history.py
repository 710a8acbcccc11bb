"""`GET /api/models/{model}/history`: a model's prices and scores by day, week or month."""

import pytest

from glyphd.history.buckets import ModelHistory
from tests.service import Service, offers

COLUMNS = ModelHistory.columns
FIRST = offers(
    "L4,100,0.5,EU,a,2024-12-30T08:00:00Z",
    "L4,300,0.7,EU,b,2024-12-30T09:00:00Z",
    "A100,9000,0.9,EU,a,2024-12-30T09:00:00Z",
)
SECOND = offers("l4,200,0.6,EU,a,2024-12-30T23:59:59Z", "L4,400,0.8,EU,b,2025-01-05T00:00:00Z")
THIRD = offers("L4,500,0.9,EU,b,2025-01-06T00:00:00+02:00", "L4,600,0.9,EU,b,2025-01-06T00:00:00Z")


@pytest.fixture
def history(service: Service) -> Service:
    for csv in (FIRST, SECOND, THIRD):
        service.import_csv(csv)
    return service


def _rows(service: Service, query: str = "") -> list[tuple[str, int, float, float, float]]:
    names = ("bucket", "listing_count", "min_price", "median_price", "max_price")
    found = service.http.get(f"/api/models/l4/history{query}").json
    assert all(tuple(row) == COLUMNS for row in found)
    return [tuple(row[name] for name in names) for row in found]


def test_each_listing_counts_once_in_a_day_as_it_was_seen_last(history: Service) -> None:
    assert _rows(history) == [
        ("2024-12-30", 2, 200.0, 250.0, 300.0),
        ("2025-01-05", 1, 500.0, 500.0, 500.0),
        ("2025-01-06", 1, 600.0, 600.0, 600.0),
    ]


def test_a_week_begins_on_its_monday(history: Service) -> None:
    assert _rows(history, "?bucket=week") == [
        ("2024-12-30", 2, 200.0, 350.0, 500.0),
        ("2025-01-06", 1, 600.0, 600.0, 600.0),
    ]


def test_a_month_begins_on_its_first(history: Service) -> None:
    assert _rows(history, "?bucket=month") == [
        ("2024-12-01", 2, 200.0, 250.0, 300.0),
        ("2025-01-01", 2, 500.0, 550.0, 600.0),
    ]


def test_a_row_has_every_number(history: Service) -> None:
    assert history.http.get("/api/models/L4/history?bucket=week").json[0] == {
        "bucket": "2024-12-30", "listing_count": 2,
        "min_price": 200.0, "p25_price": 275.0, "median_price": 350.0, "p75_price": 425.0,
        "max_price": 500.0, "avg_price": 350.0,
        "min_score": 0.6, "median_score": 0.75, "max_score": 0.9,
        "max_score_per_1000_usd": 3.0,
        "last_seen_at": "2025-01-05T22:00:00.000000Z",
        "lowest_price": 100.0, "lowest_at": "2024-12-30T08:00:00.000000Z",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "buckets"),
    [
        ("?after=2024-12-30T23:59:59Z", ["2025-01-05", "2025-01-06"]),
        ("?before=2025-01-05", ["2024-12-30"]),
        ("?after=2025-01-01&before=2025-01-06", ["2025-01-05"]),
        ("?after=2030-01-01", []),
    ],
)
def test_bounds_are_exclusive(history: Service, query: str, buckets: list[str]) -> None:
    assert [row[0] for row in _rows(history, query)] == buckets


def test_what_a_bound_cuts_off_leaves_the_observation_before_it(history: Service) -> None:
    assert _rows(history, "?before=2024-12-30T20:00:00Z")[0] == (
        "2024-12-30",
        2,
        100.0,
        200.0,
        300.0,
    )


@pytest.mark.parametrize("size", [1, 2, 3])
def test_pages_are_the_list(history: Service, size: int) -> None:
    path = "/api/models/L4/history"
    assert history.walk(f"{path}?limit={size}") == history.http.get(path).json


def test_csv(history: Service) -> None:
    lines = history.http.get("/api/models/L4/history?format=csv&bucket=month").text.splitlines()
    assert lines[0] == ",".join(COLUMNS)
    assert lines[1].startswith("2024-12-01,2,200.0,225.0,250.0,275.0,300.0,250.0,")


@pytest.mark.parametrize("query", ["?bucket=year", "?after=soon", "?limit=0"])
def test_bad_values_are_refused(history: Service, query: str) -> None:
    assert history.refusal(f"/api/models/L4/history{query}")["code"] == "invalid_parameter"


def test_an_empty_bucket_is_a_day(history: Service) -> None:
    assert _rows(history, "?bucket=") == _rows(history)


def test_an_unknown_model_is_404(history: Service) -> None:
    found = history.refusal("/api/models/L4x/history", 404)
    assert (found["code"], found["nearest"]) == ("model_not_found", ["L4"])
