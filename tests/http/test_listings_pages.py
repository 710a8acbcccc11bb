"""`GET /api/listings`: order, pages, counts and conditional requests."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest

from glyphd.contracts.parameter_reading import choices
from glyphd.contracts.queries import SortKey
from tests.http.conftest import Market
from tests.service import Service, next_page, offers

SORTS = choices(SortKey)
TIED = offers(
    "B,2,0.5,EU,One,2025-01-01",
    "a,1,0.5,EU,Two,2025-01-02",
    "A,2,0.5,US,One,2025-01-01",
    "b,1,0.7,US,Two,2025-01-02",
    "C,2,0.5,US,One,2025-01-01",
)


@pytest.fixture
def tied(service: Service) -> Service:
    """Ten listings of two imports with many equal values."""
    service.import_csv(TIED)
    service.import_csv(TIED.replace("One", "Three").replace("Two", "Four"))
    return service


@pytest.mark.parametrize(
    ("sort", "prices"),
    [
        ("seen_at", [4500, 4200, 2400, 30000, 4000, 7000]),
        ("-seen_at", [7000, 4000, 30000, 2400, 4200, 4500]),
        ("price_usd", [2400, 4000, 4200, 4500, 7000, 30000]),
        ("-price_usd", [30000, 7000, 4500, 4200, 4000, 2400]),
        ("score", [7000, 2400, 4000, 4200, 4500, 30000]),
        ("-score", [30000, 4500, 4000, 4200, 2400, 7000]),
        ("model", [30000, 2400, 7000, 4000, 4500, 4200]),
        ("-model", [4000, 4500, 4200, 7000, 2400, 30000]),
        ("import_index", [4000, 4500, 7000, 4200, 2400, 30000]),
        ("-import_index", [30000, 2400, 7000, 4200, 4000, 4500]),
        ("score_per_1000_usd", [30000, 7000, 4200, 4000, 4500, 2400]),
        ("-score_per_1000_usd", [2400, 4000, 4500, 4200, 7000, 30000]),
        ("usd_per_gb", [4000, 4200, 4500, 2400, 30000, 7000]),
        ("-usd_per_gb", [30000, 2400, 4500, 4200, 4000, 7000]),
        ("price_vs_median_pct", [4000, 7000, 4500, 4200, 2400, 30000]),
        ("-price_vs_median_pct", [4000, 7000, 4500, 4200, 2400, 30000]),
    ],
)
def test_every_order(market: Market, sort: str, prices: list[float]) -> None:
    assert market.prices(f"?sort={sort}") == prices


def test_the_orders_tested_are_all_there_are() -> None:
    (mark,) = (mark for mark in test_every_order.pytestmark if mark.name == "parametrize")  # type: ignore[attr-defined]
    assert [sort for sort, _ in mark.args[1]] == SORTS


@pytest.mark.parametrize("sort", ["score", "-score"])
def test_ties_go_to_the_later_import_and_then_to_the_file(tied: Service, sort: str) -> None:
    rows = [row for row in tied.listings(f"?sort={sort}") if row["score"] == 0.5]
    assert [(row["seller"], row["import_index"]) for row in rows] == [
        ("Three", 1), ("Four", 2), ("Three", 3), ("Three", 5), ("One", 1), ("Two", 2), ("One", 3),
        ("One", 5),
    ]  # fmt: skip


@pytest.mark.parametrize("sort", SORTS)
def test_walking_the_pages_gives_exactly_the_whole(tied: Service, sort: str) -> None:
    whole = tied.listings(f"?sort={sort}")
    assert len(whole) == 10
    for limit in range(1, 12):
        assert tied.walk(f"/api/listings?sort={sort}&limit={limit}") == whole


def test_walking_keeps_filters_and_columns(tied: Service) -> None:
    query = "/api/listings?region=us&sort=-model&fields=model,price_usd,seller"
    assert tied.walk(f"{query}&limit=2") == tied.http.get(query).json


def test_walking_one_import_gives_its_rows_in_order(tied: Service) -> None:
    import_id = tied.listings()[0]["import_id"]
    found = tied.walk(f"/api/listings?import_id={import_id}&limit=2")
    assert [row["import_index"] for row in found] == [1, 2, 3, 4, 5]


def test_models_are_sorted_without_regard_to_case(tied: Service) -> None:
    models = [row["model"].lower() for row in tied.listings("?sort=model")]
    assert models == sorted(models)


def test_the_next_page_is_the_same_request_at_another_place(market: Market) -> None:
    answer = market.service.http.get(
        "/api/listings?limit=2&region=EU&region=USA&model_contains=%26x"
    )
    assert "Link" not in answer.headers
    answer = market.service.http.get(
        "/api/listings?limit=2&seller=Zebra&seller=nordhall%20compute&count=exact"
    )
    link = answer.headers["Link"]
    assert link.startswith(
        "</api/listings?limit=2&seller=Zebra&seller=nordhall+compute&count=exact&cursor="
    )
    assert link.endswith('>; rel="next"')


@pytest.mark.parametrize(("limit", "more"), [(5, True), (6, False), (7, False)])
def test_only_a_page_with_more_behind_it_has_a_link(market: Market, limit: int, more: bool) -> None:
    answer = market.service.http.get(f"/api/listings?limit={limit}")
    assert ("Link" in answer.headers) is more


def test_without_a_limit_nothing_is_cut(service: Service) -> None:
    rows = [f"M{number},1,1,,,2025-01-01" for number in range(1234)]
    service.import_csv(offers(*rows))
    answer = service.http.get("/api/listings")
    assert (len(answer.json), "Link" in answer.headers) == (1234, False)


def test_a_cursor_needs_a_limit(market: Market) -> None:
    link = next_page(market.service.http.get("/api/listings?limit=2"))
    found = market.service.refusal(link.replace("limit=2&", ""))
    assert (found["code"], found["parameter"]) == ("invalid_parameter", "cursor")


@pytest.mark.parametrize("change", ["region=EU", "sort=score", "sort=seen_at", "min_price=1"])
def test_a_cursor_of_another_query_is_refused(market: Market, change: str) -> None:
    link = next_page(market.service.http.get("/api/listings?limit=2"))
    assert market.service.refusal(f"{link}&{change}")["code"] == "invalid_cursor"


def test_a_cursor_bears_another_size_and_other_columns(market: Market) -> None:
    link = next_page(market.service.http.get("/api/listings?limit=2"))
    rows = market.service.http.get(
        f"{link.replace('limit=2', 'limit=3')}&fields=price_usd&sort=-seen_at"
    ).json
    assert rows == [{"price_usd": 30000.0}, {"price_usd": 2400.0}, {"price_usd": 4200.0}]


@pytest.mark.parametrize("cursor", ["x", "bnVsbA", "WzFd", "****", "%C3%BC"])
def test_what_is_no_cursor_is_refused(market: Market, cursor: str) -> None:
    assert market.refusal(f"limit=2&cursor={cursor}")["code"] == "invalid_cursor"


@pytest.mark.parametrize(
    ("sort", "position"),
    [
        ("-seen_at", []),
        ("-seen_at", ["2025-07-01"]),
        ("-seen_at", ["2025-07-01", "1"]),
        ("-seen_at", ["2025-07-01", True]),
        ("-seen_at", ["2025-07-01", 10**30]),
        ("-seen_at", [5, 1]),
        ("-seen_at", ["\0", 1]),
        ("-seen_at", ["\ud800", 1]),
        ("score", ["1", 1]),
        ("score", [10**30, 1]),
        ("score", [float("inf"), 1]),
        ("score", [float("nan"), 1]),
    ],
)
def test_a_forged_cursor_is_refused(market: Market, sort: str, position: list[object]) -> None:
    link = next_page(market.service.http.get(f"/api/listings?limit=2&sort={sort}"))
    path, _, cursor = link.partition("cursor=")
    made_for = json.loads(urlsafe_b64decode(cursor + "=="))[0]
    forged = urlsafe_b64encode(json.dumps([made_for, *position]).encode()).decode().rstrip("=")
    assert market.service.refusal(f"{path}cursor={forged}")["code"] == "invalid_cursor"


@pytest.mark.parametrize("sort", SORTS)
def test_an_import_between_two_pages_breaks_nothing(own_market: Market, sort: str) -> None:
    service = own_market.service
    first = service.http.get(f"/api/listings?limit=3&sort={sort}")
    service.import_csv(
        offers("NEW,5000,0.75,EU,Acme,2025-07-03T18:00:00Z", "L4,1,0.1,EU,Zebra,2025-07-07")
    )
    rest = service.walk(next_page(first))
    ids = [row["listing_id"] for row in (*first.json, *rest)]
    assert len(ids) == len(set(ids))
    assert len(ids) >= 6


def test_a_total_is_told_only_when_asked_for(market: Market) -> None:
    http = market.service.http
    assert http.get("/api/listings?count=exact").headers["X-Total-Count"] == "6"
    assert http.get("/api/listings?count=exact&limit=1&region=eu").headers["X-Total-Count"] == "2"
    assert "X-Total-Count" not in http.get("/api/listings?limit=1").headers


def test_a_total_is_the_same_on_every_page(market: Market) -> None:
    first = market.service.http.get("/api/listings?limit=4&count=exact")
    assert market.service.http.get(next_page(first)).headers["X-Total-Count"] == "6"


def test_a_total_of_an_import_counts_its_rows(market: Market) -> None:
    answer = market.service.http.get(f"/api/listings?import_id={market.first}&count=exact")
    assert answer.headers["X-Total-Count"] == "4"


def test_who_has_the_answer_already_gets_304(market: Market) -> None:
    etag = market.service.http.get("/api/listings?limit=2").headers["ETag"]
    answer = market.service.http.get(
        "/api/listings?limit=2", headers={"If-None-Match": etag}, status=304
    )
    assert (answer.body, answer.headers["ETag"]) == (b"", etag)


@pytest.mark.parametrize(
    "path", ["/api/listings?limit=3", "/api/listings", "/api/listings?limit=2&format=csv"]
)
def test_another_question_has_another_etag(market: Market, path: str) -> None:
    etag = market.service.http.get("/api/listings?limit=2").headers["ETag"]
    assert market.service.http.get(path).headers["ETag"] != etag


def test_an_import_changes_the_etag(own_market: Market) -> None:
    etag = own_market.service.http.get("/api/listings").headers["ETag"]
    own_market.service.import_csv(offers("NEW,1,1,,,2025-01-01"))
    answer = own_market.service.http.get("/api/listings", headers={"If-None-Match": etag})
    assert (answer.status_code, len(answer.json)) == (200, 7)
