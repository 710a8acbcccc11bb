"""`/api/watches`: creating, changing and deleting watches, and their matches."""

from typing import Any

import pytest

from tests.service import Service, next_page, offers, problem

MONDAY = "2025-07-28T12:00:00Z"
TUESDAY = "2025-07-29T12:00:00Z"
WEDNESDAY = "2025-07-30T12:00:00Z"


def _row(price: float, seller: str, seen_at: str, model: str = "L4") -> str:
    return f"{model},{price},0.5,EU,{seller},{seen_at}"


def _create(service: Service, condition: str, **members: Any) -> dict[str, Any]:
    body = {"name": "cheap", "condition": condition} | members
    found: dict[str, Any] = service.http.post_json("/api/watches", body, status=201).json
    return found


def _matches(service: Service, watch: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = service.http.get(f"{watch['links']['matches']}{query}").json
    return found


def _sellers(service: Service, watch: dict[str, Any]) -> list[str]:
    return [match["seller"] for match in _matches(service, watch)]


def test_a_watch_is_created_and_shown(service: Service) -> None:
    answer = service.http.post_json(
        "/api/watches",
        {
            "name": " cheap L4 ",
            "filters": {"model": "L4", "max_price": 9000},
            "condition": "price_below",
            "value": 2000,
        },
        status=201,
    )
    created = answer.json
    assert service.http.get(answer.headers["Location"]).json == created
    assert service.http.get("/api/watches").json == [created]
    assert created["filters"] == {"model": ["L4"], "max_price": 9000.0}
    assert (created["name"], created["condition"], created["value"]) == (
        "cheap L4",
        "price_below",
        2000.0,
    )
    assert _matches(service, created) == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": " "}, "name"),
        ({"condition": "price_above"}, "condition"),
        ({"condition": "price_below"}, "value"),
        ({"condition": "new", "value": 1}, "value"),
        ({"condition": "drop_pct", "value": 101}, "value"),
        ({"condition": "price_below", "value": "1"}, "value"),
        ({"condition": "price_below", "value": 0}, "value"),
        ({"filters": {"modle": "L4"}}, "filters.modle"),
        ({"filters": {"model": [""]}}, "filters.model.0"),
        ({"filters": {"min_price": "x"}}, "filters.min_price"),
        ({"filters": {"min_price": 2, "max_price": 1}}, "filters"),
        ({"filters": {"import_id": "a"}}, "filters.import_id"),
        ({"secret": "x"}, "secret"),
    ],
)
def test_what_is_wrong_is_named(service: Service, body: dict[str, Any], field: str) -> None:
    complete = {"name": "cheap", "condition": "new"} | body if body else body
    found = problem(service.http.post_json("/api/watches", complete, status=422))
    assert found["code"] == "invalid_watch"
    assert found["errors"][0]["field"] == field
    assert service.http.get("/api/watches").json == []


def test_an_unknown_filter_is_refused_with_the_nearest(service: Service) -> None:
    body = {"name": "x", "condition": "new", "filters": {"modle": "L4"}}
    found = problem(service.http.post_json("/api/watches", body, status=422))
    assert found["detail"] == "filters.modle: there is no such member; did you mean model?"


@pytest.mark.parametrize(
    ("change", "now"),
    [
        ({"name": "other"}, {"name": "other"}),
        ({"filters": {"region": ["EU"]}}, {"filters": {"region": ["EU"]}}),
        ({"value": 7}, {"value": 7.0}),
        ({"condition": "new", "value": None}, {"condition": "new", "value": None}),
        ({}, {}),
    ],
)
def test_a_member_is_changed_and_the_others_stay(
    service: Service, change: dict[str, Any], now: dict[str, Any]
) -> None:
    before = _create(service, "price_below", value=5, filters={"model": "L4"})
    changed = service.http.patch_json(before["links"]["self"], change).json
    assert changed == before | now
    assert service.http.get(before["links"]["self"]).json == changed


@pytest.mark.parametrize("change", [{"condition": "new"}, {"value": None}, {"name": ""}, {"x": 1}])
def test_a_wrong_change_changes_nothing(service: Service, change: dict[str, Any]) -> None:
    before = _create(service, "price_below", value=5)
    answer = service.http.patch_json(before["links"]["self"], change, status=422)
    assert problem(answer)["code"] == "invalid_watch"
    assert service.http.get(before["links"]["self"]).json == before


def test_a_deleted_watch_is_gone_with_its_matches(service: Service) -> None:
    watch = _create(service, "new")
    service.import_csv(offers(_row(100, "a", MONDAY)))
    service.http.delete(watch["links"]["self"], status=204)
    for path in watch["links"].values():
        assert service.refusal(path, 404)["code"] == "watch_not_found"
    service.http.delete(watch["links"]["self"], status=404)
    assert len(service.http.get("/api/events?kind=watch.matched").json) == 1


@pytest.mark.every_way
def test_each_condition_finds_what_it_says(service: Service) -> None:
    watches = {
        name: _create(service, name, **({"value": value} if value else {}))
        for name, value in (
            ("new", 0),
            ("price_below", 100),
            ("drop_pct", 10),
            ("lowest_ever", 0),
        )
    }
    service.import_csv(
        offers(*(_row(price, seller, MONDAY) for price, seller in ((100, "a"), (90, "b"))))
    )
    assert {name: _sellers(service, watch) for name, watch in watches.items()} == {
        "new": ["b", "a"],
        "price_below": ["b"],
        "drop_pct": [],
        "lowest_ever": [],
    }
    service.import_csv(
        offers(*(_row(price, seller, TUESDAY) for price, seller in ((90, "a"), (120, "b"))))
    )
    service.import_csv(
        offers(*(_row(price, seller, WEDNESDAY) for price, seller in ((89, "a"), (95, "b"))))
    )
    assert {name: _sellers(service, watch) for name, watch in watches.items()} == {
        "new": ["b", "a"],
        "price_below": ["b", "a", "b"],
        "drop_pct": ["b", "a"],
        "lowest_ever": ["a", "a"],
    }


@pytest.mark.every_way
def test_filters_choose_the_offers(service: Service) -> None:
    by_model = _create(service, "new", filters={"model": ["l4", "T4"], "max_price": 150})
    by_source = _create(service, "new", filters={"source": "Weekly"})
    rows = (_row(100, "a", MONDAY), _row(200, "b", MONDAY), _row(10, "c", MONDAY, "A100"))
    service.import_csv(offers(*rows), "?source=weekly")
    assert _sellers(service, by_model) == ["a"]
    assert _sellers(service, by_source) == ["c", "a", "b"]


def test_each_of_the_watches_that_ask_for_the_same_finds_it(service: Service) -> None:
    asked = {"value": 150, "filters": {"model": ["L4"]}}
    alike = [_create(service, "price_below", **asked) for _ in range(2)]
    others = [
        _create(service, "price_below", **asked | {"value": 50}),
        _create(service, "price_below", **asked | {"filters": {"model": ["T4"]}}),
        _create(service, "gone", filters={"model": ["L4"]}),
    ]
    service.import_csv(offers(_row(100, "a", MONDAY), _row(120, "b", MONDAY)))
    assert [_sellers(service, watch) for watch in alike] == [["a", "b"]] * 2
    assert [_sellers(service, watch) for watch in others] == [[]] * 3


@pytest.mark.every_way
def test_a_rollback_and_a_restore_are_compared_too(service: Service) -> None:
    service.import_csv(offers(_row(100, "a", MONDAY)))
    second = service.import_csv(offers(_row(200, "a", TUESDAY), _row(50, "b", TUESDAY)))
    below, new = _create(service, "price_below", value=150), _create(service, "new")
    for kind in ("rollback", "restore"):
        service.http.post(f"/api/imports/{second['import_id']}/{kind}")
        service.work()
    shown = ("change", "seller", "price_usd", "previous_price_usd", "price_delta_pct")
    found = [
        [tuple(match[name] for name in shown) for match in _matches(service, watch)]
        for watch in (below, new)
    ]
    restored = ("restore", "b", 50.0, None, None)
    assert found == [[restored, ("rollback", "a", 100.0, 200.0, -50.0)], [restored]]
    kinds = [event["kind"] for event in service.http.get("/api/events").json]
    assert kinds == [
        *("import.finished", "import.finished"),
        *("import.rolled_back", "watch.matched"),
        *("import.restored", "watch.matched", "watch.matched"),
    ]


def test_nothing_is_found_from_or_to_an_indistinct_event(service: Service) -> None:
    watches = [_create(service, "new"), _create(service, "price_below", value=1000)]
    service.import_csv(offers(_row(100, "a", MONDAY), _row(110, "a", MONDAY)))
    service.import_csv(offers(_row(50, "a", TUESDAY)))
    assert [_matches(service, watch) for watch in watches] == [[], []]


def test_a_dry_run_and_a_failed_import_find_nothing(service: Service) -> None:
    watch = _create(service, "new")
    service.import_csv(offers(_row(100, "a", MONDAY)), "?dry_run=true")
    service.import_csv(offers(_row(100, "a", MONDAY), "L4,x,1,EU,b,"))
    assert _matches(service, watch) == []
    assert service.http.get("/api/events?kind=watch.matched").json == []


def test_what_is_repeated_unchanged_is_not_found_again(service: Service) -> None:
    watch = _create(service, "price_below", value=1000)
    for seen_at in (MONDAY, TUESDAY, WEDNESDAY):
        service.import_csv(offers(_row(100, "a", seen_at)))
    assert len(_matches(service, watch)) == 1


def test_a_late_file_moves_nothing(service: Service) -> None:
    service.import_csv(offers(_row(100, "a", TUESDAY)))
    watch = _create(service, "price_below", value=1000)
    service.import_csv(offers(_row(50, "a", MONDAY)))
    assert _matches(service, watch) == []


def test_an_event_says_what_was_found(service: Service) -> None:
    watch = _create(service, "new", name="all")
    rows = [_row(100 + number, f"s{number}", MONDAY) for number in range(12)]
    status = service.import_csv(offers(*rows), "?source=weekly")
    finished, event = service.http.get("/api/events").json
    assert (finished["kind"], event["kind"]) == ("import.finished", "watch.matched")
    data = event["data"]
    assert (data["import_id"], data["source"]) == (status["import_id"], "weekly")
    assert (data["watch_id"], data["name"], data["condition"]) == (watch["watch_id"], "all", "new")
    assert (data["change"], data["total"], len(data["offers"])) == ("import", 12, 10)
    assert [offer["price_usd"] for offer in data["offers"]] == [100.0 + at for at in range(10)]
    shown = service.http.get(watch["links"]["self"]).json
    assert shown["last_matched_at"] == event["occurred_at"]
    assert {match["event_id"] for match in _matches(service, watch)} == {event["id"]}


def test_matches_come_in_pages(service: Service) -> None:
    watch, other = _create(service, "new"), _create(service, "new")
    for day in range(1, 4):
        rows = [_row(100 + number, f"{day}-{number}", MONDAY) for number in range(5)]
        service.import_csv(offers(*rows))
    found = _matches(service, watch)
    assert [match["seller"] for match in found[:6]] == [f"3-{number}" for number in range(5)] + [
        "2-0"
    ]
    for limit in (1, 2, 5, 15):
        assert service.walk(f"{watch['links']['matches']}?limit={limit}") == found
    after = found[-1]["event_id"]
    assert _matches(service, watch, f"?after={after}") == found[:10]
    link = next_page(service.http.get(f"{watch['links']['matches']}?limit=1"))
    foreign = link.replace(watch["watch_id"], other["watch_id"])
    assert service.refusal(foreign)["code"] == "invalid_cursor"
    csv = service.http.get(f"{watch['links']['matches']}?format=csv").text
    assert len(csv.splitlines()) == 16
