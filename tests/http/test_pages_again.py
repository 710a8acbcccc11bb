"""A page that is requested again is the same, until the archive changes."""

from tests.http.conftest import Market
from tests.service import Service

ROW = "model,price_usd,score\nL4,{},0.5\n"
PATH = "/api/listings?limit=1&fields=price_usd"


def test_again_it_has_the_same_bytes_and_headers(market: Market) -> None:
    first, again = (market.service.http.get("/api/listings?limit=2&count=exact") for _ in range(2))
    assert again.body == first.body
    for name in (
        "ETag",
        "Link",
        "X-Total-Count",
        "Content-Type",
        "Content-Length",
        "Vary",
        "Cache-Control",
    ):
        assert again.headers[name] == first.headers[name]
    assert again.headers["X-Request-Id"] != first.headers["X-Request-Id"]


def test_an_import_and_a_rollback_are_seen_at_once(service: Service) -> None:
    service.import_csv(ROW.format(1))
    assert service.http.get(PATH).json == [{"price_usd": 1.0}]
    second = service.import_csv(ROW.format(2))["import_id"]
    assert service.http.get(PATH).json == [{"price_usd": 2.0}]
    service.http.post(f"/api/imports/{second}/rollback", headers={"Prefer": "respond-async"})
    service.work()
    assert service.http.get(PATH).json == [{"price_usd": 1.0}]
