"""Computed columns of listings over HTTP."""

import pytest

from glyphd.listings.computed_columns import COMPUTED_COLUMNS, LISTED_COLUMNS
from tests.http.conftest import Market
from tests.service import Service, offers


def test_they_come_only_when_they_are_asked_for(market: Market) -> None:
    assert not set(COMPUTED_COLUMNS) & set(market.service.listings("?limit=1")[0])
    fields = ",".join(COMPUTED_COLUMNS)
    (row,) = market.service.listings(f"?model=l4&fields={fields}")
    assert row == {
        "price_percentile": None, "price_vs_median_pct": 0.0,
        "score_per_1000_usd": 0.7 * 1000 / 2400, "usd_per_gb": 100.0, "days_listed": 0,
        "lowest_price": 2400.0, "lowest_price_90d": 2400.0, "is_lowest": True,
    }  # fmt: skip


@pytest.mark.parametrize("form", ["csv", "ndjson", "parquet"])
def test_every_format_has_them(market: Market, form: str) -> None:
    path = f"/api/listings?fields={','.join(LISTED_COLUMNS)}&format={form}"
    whole = market.service.http.get(path).body
    assert len(whole) > 100
    assert market.service.http.get(f"{path}&limit=10").body == whole or form == "parquet"


def test_what_others_cost_changes_with_the_archive(service: Service) -> None:
    service.import_csv(offers("L4,100,1,,a,2025-01-01", "L4,200,1,,b,2025-01-01"))
    path = "?fields=seller,price_percentile,price_vs_median_pct&sort=price_usd"
    assert [row["price_percentile"] for row in service.listings(path)] == [0.0, 100.0]
    service.import_csv(offers("L4,50,1,,c,2025-01-01"))
    found = service.listings(path)
    assert [row["price_percentile"] for row in found] == [0.0, 50.0, 100.0]
    assert [row["price_vs_median_pct"] for row in found] == [-50.0, 0.0, 100.0]
    cheapest = service.listings("?sort=price_vs_median_pct&limit=1&fields=seller")
    assert cheapest == [{"seller": "c"}]


def test_the_history_without_a_url_is_that_of_the_same_source(service: Service) -> None:
    fields = "?fields=lowest_price,days_listed"
    service.import_csv(offers("L4,100,1,,a,2025-01-01"), "?source=one")
    service.import_csv(offers("L4,150,1,,a,2025-01-03"), "?source=other")
    assert service.listings(fields) == [{"lowest_price": 150.0, "days_listed": 0}]
    service.import_csv(offers("L4,120,1,,a,2025-01-05"), "?source=one")
    assert service.listings(fields) == [{"lowest_price": 100.0, "days_listed": 4}]


def test_a_gone_offer_has_no_percentile_and_does_not_count(service: Service) -> None:
    rows = ("L4,100,1,,a,2025-01-01", "L4,200,1,,b,2025-01-01", "L4,300,1,,c,2025-01-01")
    service.import_csv(offers(*rows), "?source=one")
    service.import_csv(
        offers("L4,200,1,,b,2025-01-02", "L4,300,1,,c,2025-01-02"), "?source=one&complete=true"
    )
    found = service.listings(
        "?gone=include&sort=price_usd&fields=price_percentile,price_vs_median_pct"
    )
    assert [row["price_percentile"] for row in found] == [None, 0.0, 100.0]
    assert [row["price_vs_median_pct"] for row in found] == [-60.0, -20.0, 20.0]
    stats = service.http.get("/api/stats?by=model").json
    assert [row["listing_count"] for row in stats] == [2]
    only = service.http.get("/api/stats?gone=only").json
    assert [(row["listing_count"], row["max_price"]) for row in only] == [(1, 100.0)]
