"""`GET /api/stats` and `GET /api/stats/history`: prices and scores in groups."""

from typing import Any

import pytest

from glyphd.history.market_stats import STATISTICS
from tests.http.conftest import Market
from tests.service import Service, offers


def _stats(service: Service, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = service.http.get(f"/api/stats{query}").json
    return found


@pytest.mark.parametrize(
    ("query", "counts"),
    [
        ("", {(): 6}),
        ("?by=model", {("H100_PCIE_80GB",): 1, ("L4",): 1, ("L40S",): 1, ("RTX_A6000",): 3}),
        ("?by=region", {(None,): 1, ("EU",): 2, ("Germany",): 1, ("USA",): 2}),
        ("?by=vram_gb", {(None,): 1, (24,): 1, (48,): 3, (80,): 1}),
        ("?by=source", {("eBay",): 2, ("perplexity",): 4}),
        ("?by=region,model&seller=acme", {("EU", "L4"): 1, ("USA", "RTX_A6000"): 1}),
        ("?by=condition&max_price=4200", {("New",): 1, ("Refurbished",): 1, ("Used",): 1}),
        ("?source=ebay", {(): 2}),
        ("?q=zebra+A6", {(): 2}),
        ("?model=none", {}),
    ],
)
def test_groups_come_in_order_with_their_counts(
    market: Market, query: str, counts: dict[tuple[Any, ...], int]
) -> None:
    found = _stats(market.service, query)
    by = [name for name in (found[0] if found else ()) if name not in STATISTICS]
    groups = {tuple(row[name] for name in by): row["listing_count"] for row in found}
    assert list(groups.items()) == list(counts.items())


def test_a_row_has_every_number(market: Market) -> None:
    assert _stats(market.service, "?by=model&model=rtx_a6000") == [
        {
            "model": "RTX_A6000", "listing_count": 3,
            "min_price": 4000.0, "p10_price": 4040.0, "p25_price": 4100.0, "median_price": 4200.0,
            "p75_price": 4350.0, "p90_price": 4440.0, "max_price": 4500.0, "avg_price": 4233.333333,
            "min_score": 0.8, "p10_score": 0.8, "p25_score": 0.8, "median_score": 0.8,
            "p75_score": 0.8500000000000001, "p90_score": 0.8800000000000001, "max_score": 0.9,
            "avg_score": 0.833333, "median_score_per_1000_usd": 0.2, "seller_count": 2,
            "last_seen_at": "2025-07-05T12:00:00.000000Z",
        }
    ]  # fmt: skip


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize(
    "path", ["/api/stats?by=region,model", "/api/stats/history?by=vram_gb&bucket=month"]
)
def test_pages_are_the_list(market: Market, path: str, size: int) -> None:
    assert market.service.walk(f"{path}&limit={size}") == market.service.http.get(path).json


def test_every_format(market: Market) -> None:
    http = market.service.http
    lines = http.get("/api/stats?by=model&format=csv").text.splitlines()
    assert (lines[0], len(lines)) == (",".join(("model", *STATISTICS)), 5)
    assert http.get("/api/stats?by=model&format=ndjson").text.count("\n") == 4
    assert http.get("/api/stats?format=parquet").body.startswith(b"PAR1")


def test_it_is_answered_once_until_the_archive_changes(service: Service) -> None:
    service.import_csv(offers("L4,1,1,,a,2025-01-01"))
    tag = service.http.get("/api/stats").headers["ETag"]
    assert service.http.get("/api/stats", headers={"If-None-Match": tag}, status=304).body == b""
    service.import_csv(offers("L4,3,1,,b,2025-01-01"))
    assert (
        service.http.get("/api/stats", headers={"If-None-Match": tag}).json[0]["median_price"] == 2
    )


def test_the_market_as_it_was(market: Market) -> None:
    (row,) = market.service.listings(f"?import_id={market.first}&limit=1&fields=imported_at")
    assert _stats(market.service, f"?as_of={row['imported_at']}")[0]["listing_count"] == 4
    assert _stats(market.service, f"?import_id={market.second}")[0]["max_price"] == 7000


@pytest.mark.parametrize("path", ["/api/stats/history", "/api/stats?by=model", "/api/listings"])
def test_an_import_was_not_known_before_it_was_committed(market: Market, path: str) -> None:
    query = f"{'&' if '?' in path else '?'}import_id={market.first}"
    assert market.service.http.get(path + query).json != []
    assert market.service.http.get(f"{path}{query}&as_of=2025-01-01").json == []


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("by=price_usd", "must be"),
        ("by=model,region,seller", "at most 2"),
        ("by=model,model", "each column once"),
        ("by=model&by=region", "given twice"),
        ("min_price=2&max_price=1", "is above"),
        ("sort=score", "no parameter"),
        ("q=" + "+".join("abcdefghijk"), "at most 10 words"),
    ],
)
def test_what_cannot_be_asked(market: Market, query: str, detail: str) -> None:
    assert detail in market.service.refusal(f"/api/stats?{query}")["detail"]


def test_a_listing_counts_once_in_each_bucket(service: Service) -> None:
    service.import_csv(offers("L4,10,1,,a,2025-01-01", "L4,30,1,,b,2025-01-02"))
    service.import_csv(offers("L4,20,1,,a,2025-01-01T05:00:00Z"))
    service.import_csv(offers("L4,50,1,,a,2025-02-01"))
    found = service.http.get("/api/stats/history?bucket=month").json
    assert [
        (row["bucket"], row["listing_count"], row["median_price"], row["new"]) for row in found
    ] == [
        ("2025-01-01", 2, 25.0, 2),
        ("2025-02-01", 1, 50.0, 0),
    ]
    filtered = service.http.get("/api/stats/history?bucket=month&max_price=20").json
    assert [row["listing_count"] for row in filtered] == [1]


def test_an_import_that_was_rolled_back_does_not_count(service: Service) -> None:
    service.import_csv(offers("L4,10,1,,a,2025-01-01"))
    import_id = service.import_csv(offers("L4,30,1,,b,2025-01-02"))["import_id"]
    service.http.post(f"/api/imports/{import_id}/rollback")
    service.work()
    assert _stats(service)[0]["max_price"] == 10
    assert [row["bucket"] for row in service.http.get("/api/stats/history").json] == ["2025-01-01"]


def test_each_bucket_says_what_is_new_gone_and_back(service: Service) -> None:
    """b is gone on the 2nd and back on the 4th, a is gone on the 4th, all others on the 5th."""
    header = "model,price_usd,score,seller,source_url,seen_at"
    for day, sellers in ((1, "abc"), (2, "ac"), (4, "bc"), (5, "")):
        rows = [f"m{seller},1,1,{seller},https://a/{seller},2025-01-0{day}" for seller in sellers]
        if not sellers:
            rows = ["new,1,1,d,https://a/d,2025-01-05"]
        service.import_csv("\n".join([header, *rows]), "?source=s&complete=true&allow_shrink=true")
    found = service.http.get("/api/stats/history").json
    names = ("bucket", "listing_count", "new", "gone", "back")
    assert [tuple(row[name] for name in names) for row in found] == [
        ("2025-01-01", 3, 3, 0, 0),
        ("2025-01-02", 2, 0, 1, 0),
        ("2025-01-04", 2, 0, 1, 1),
        ("2025-01-05", 1, 1, 2, 0),
    ]
    of_b = service.http.get("/api/stats/history?by=model&model=mb").json
    assert [tuple(row[name] for name in names) for row in of_b] == [
        ("2025-01-01", 1, 1, 0, 0),
        ("2025-01-02", 0, 0, 1, 0),
        ("2025-01-04", 1, 0, 0, 1),
        ("2025-01-05", 0, 0, 1, 0),
    ]
    assert of_b[1]["median_price"] is None
    assert [
        row["bucket"] for row in service.walk("/api/stats/history?by=model&model=mb&limit=1")
    ] == [row["bucket"] for row in of_b]


def test_a_smaller_group_is_gone_too(service: Service) -> None:
    service.import_csv(offers("L4,10,1,,a,2025-01-01", "L4,20,1,,a,2025-01-01"))
    service.import_csv(offers("L4,10,1,,a,2025-01-02"))
    service.import_csv(offers("L4,10,1,,a,2025-01-03", "L4,20,1,,a,2025-01-03"))
    found = service.http.get("/api/stats/history").json
    assert [(row["listing_count"], row["new"], row["gone"], row["back"]) for row in found] == [
        (2, 2, 0, 0),
        (1, 0, 1, 0),
        (2, 0, 0, 1),
    ]
