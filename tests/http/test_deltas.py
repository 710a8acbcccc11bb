"""`GET /api/deltas`: what changed between successive observations, newest first."""

from typing import Any

import pytest

from tests.service import Service, offers

MONDAY: list[tuple[str, float, str]] = [
    ("L4", 100, "EU"),
    ("L40", 200, "US"),
    ("A100", 300, "EU"),
    ("H100", 0, "US"),
    ("T4", 50, "EU"),
]
TUESDAY: list[tuple[str, float, str]] = [
    ("L4", 110, "EU"),
    ("L40", 150, "US"),
    ("A100", 300, "EU"),
    ("H100", 5, "US"),
    ("T4", 50.4, "EU"),
]


def _day(day: int, rows: list[tuple[str, float, str]]) -> str:
    return offers(
        *(
            f"{model},{price},0.9,{region},Acme,2025-07-{day}T0{at}:00Z"
            for at, (model, price, region) in enumerate(rows)
        )
    )


@pytest.fixture(scope="module")
def moved(shared_service: Service) -> Service:
    """Five listings, four of them with another price on the next day."""
    shared_service.import_csv(_day(28, MONDAY))
    shared_service.import_csv(_day(29, TUESDAY))
    return shared_service


def _deltas(service: Service, query: str = "") -> dict[str, float]:
    rows: list[dict[str, Any]] = service.http.get(f"/api/deltas{query}").json
    return {row["model"]: row["price_delta"] for row in rows}


def test_changes_come_newest_first(moved: Service) -> None:
    assert list(_deltas(moved).items()) == [("T4", 0.4), ("H100", 5), ("L40", -50), ("L4", 10)]


@pytest.mark.parametrize(
    ("query", "models"),
    [
        ("?min_price_change_pct=10", ["L40", "L4"]),
        ("?min_price_change_pct=10.000001", ["L40"]),
        ("?min_price_change_pct=0.8", ["T4", "L40", "L4"]),
        ("?min_price_change_pct=90", []),
        ("?model=l4", ["L4"]),
        ("?model=l4&model=T4", ["T4", "L4"]),
        ("?region=us", ["H100", "L40"]),
        ("?region=us&min_price_change_pct=1", ["L40"]),
        ("?after=2025-07-29T02:00:00Z", ["T4", "H100"]),
        ("?import_id=nothing", []),
    ],
)
def test_filters(moved: Service, query: str, models: list[str]) -> None:
    assert list(_deltas(moved, query)) == models


def test_changes_of_one_import(moved: Service) -> None:
    monday, tuesday = (row["import_id"] for row in reversed(moved.http.get("/api/imports").json))
    assert _deltas(moved, f"?import_id={monday}") == {}
    assert _deltas(moved, f"?import_id={tuesday}&import_id={monday}") == _deltas(moved)


def test_a_change_from_nothing_has_no_percentage(moved: Service) -> None:
    (row,) = moved.http.get("/api/deltas?model=H100").json
    assert (row["price_delta_pct"], row["previous_price_usd"]) == (None, 0)


def test_both_ends_are_named(moved: Service) -> None:
    (row,) = moved.http.get("/api/deltas?model=L4").json
    monday, tuesday = (row["import_id"] for row in reversed(moved.http.get("/api/imports").json))
    assert (row["previous_import_id"], row["import_id"]) == (monday, tuesday)
    assert (row["previous_seen_at"], row["timestamp"]) == (
        "2025-07-28T00:00:00.000000Z",
        "2025-07-29T00:00:00.000000Z",
    )


@pytest.mark.parametrize("query", ["", "&min_price_change_pct=0.5", "&region=us"])
def test_pages_are_the_whole(moved: Service, query: str) -> None:
    everything = moved.http.get(f"/api/deltas?{query}").json
    assert moved.walk(f"/api/deltas?limit=1{query}") == everything
    assert moved.walk(f"/api/forecast/deltas?limit=3{query}") == everything


def test_a_cursor_is_for_its_own_question(moved: Service) -> None:
    link = moved.http.get("/api/deltas?limit=1").headers["Link"]
    cursor = link.partition("cursor=")[2].partition(">")[0]
    assert (
        moved.refusal(f"/api/deltas?limit=1&cursor={cursor}&model=L4")["code"] == "invalid_cursor"
    )
    assert moved.refusal(f"/api/deltas?cursor={cursor}")["code"] == "invalid_parameter"


def test_a_score_alone_is_a_change_too(service: Service) -> None:
    service.import_csv(offers("L4,1,0.5,,Acme,2025-01-01"))
    service.import_csv(offers("L4,1,0.75,,Acme,2025-01-02"))
    (row,) = service.http.get("/api/deltas").json
    assert (row["price_delta"], row["price_delta_pct"], row["score_delta"]) == (0, 0, 0.25)


def test_an_observation_that_says_the_same_is_no_change(service: Service) -> None:
    for day in (1, 2):
        service.import_csv(offers(f"L4,1,0.5,,Acme,2025-01-0{day}"))
    assert _deltas(service) == {}


@pytest.mark.parametrize(
    "query", ["min_price_change_pct=-1", "min_price_change_pct=x", "min_score=1", "limit=0"]
)
def test_bad_parameters_are_refused(moved: Service, query: str) -> None:
    assert moved.refusal(f"/api/deltas?{query}")["code"] in (
        "invalid_parameter",
        "unknown_parameter",
    )


def test_it_is_not_sent_again_unchanged(moved: Service) -> None:
    etag = moved.http.get("/api/deltas").headers["ETag"]
    assert moved.http.get("/api/deltas", headers={"If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize(
    ("query", "models"),
    [
        ("?kind=new", ["T4", "H100", "A100", "L40", "L4"]),
        ("?kind=price", ["T4", "H100", "L40", "L4"]),
        ("?kind=score", []),
        ("?kind=price,new&model=L4", ["L4", "L4"]),
        ("?kind=price&kind=new&model=L4", ["L4", "L4"]),
        ("?direction=up", ["T4", "H100", "L4"]),
        ("?direction=down", ["L40"]),
        ("?kind=price,new&direction=down", ["L40"]),
        ("?kind=new&min_price_change_pct=1", []),
        ("?seller=acme&model=L4", ["L4"]),
        ("?seller=yak", []),
        ("?before=2025-07-29T02:00:00Z", ["L40", "L4"]),
        ("?kind=gone,back", []),
    ],
)
def test_kinds_and_directions(moved: Service, query: str, models: list[str]) -> None:
    rows = moved.http.get(f"/api/deltas{query}").json
    assert [row["model"] for row in rows] == models
    assert moved.walk(f"/api/deltas{query}&limit=1") == rows


def test_a_new_offer_has_nothing_before_it(moved: Service) -> None:
    (row,) = moved.http.get("/api/deltas?kind=new&model=L4").json
    before = [name for name in row if name.startswith("previous_") or "delta" in name]
    assert [row[name] for name in before] == [None] * len(before)
    assert (row["kind"], row["price_usd"]) == ("new", 100)


def test_an_unknown_kind_is_refused(moved: Service) -> None:
    found = moved.refusal("/api/deltas?kind=price,newer")
    assert found["code"] == "invalid_parameter"
    assert "gone" in found["allowed"]


@pytest.mark.every_way
def test_offers_that_are_gone_and_back(service: Service) -> None:
    def take(day: int, **prices: int) -> str:
        rows = (
            f"L4,{price},0.5,EU,{seller},2025-01-0{day}T0{at}:00Z"
            for at, (seller, price) in enumerate(prices.items())
        )
        query = "?source=feed&complete=true&allow_shrink=true"
        return str(service.import_csv(offers(*rows), query)["import_id"])

    def told(query: str) -> list[tuple[Any, ...]]:
        rows = service.http.get(f"/api/deltas?{query}").json
        assert service.walk(f"/api/deltas?{query}&limit=1") == rows
        return [
            (row["kind"], row["seller"], row["previous_price_usd"], row["price_usd"])
            for row in rows
        ]

    take(1, a=10, b=20, c=30)
    second = take(2, a=10)
    take(3, a=11, b=20)
    take(4, b=25)
    gone = [("gone", "a", 11, 11), ("gone", "b", 20, 20), ("gone", "c", 30, 30)]
    assert told("kind=gone") == gone
    assert told("kind=back") == [("back", "b", 20, 20)]
    assert told(f"kind=gone&import_id={second}") == gone[1:]
    assert told("kind=gone&seller=C") == [gone[2]]
    assert told("kind=gone,back,price") == [
        ("price", "b", 20, 25),
        gone[0],
        ("back", "b", 20, 20),
        ("price", "a", 10, 11),
        *gone[1:],
    ]
    service.http.post(f"/api/imports/{second}/rollback")
    service.work()
    assert told("kind=gone,back") == [gone[0], ("gone", "c", 30, 30)]
