"""`GET /api/diff`: the market at two moments."""

from typing import Any

import pytest

from tests.service import Service, next_page, offers, problem

COUNTS = ("added", "removed", "changed", "unchanged", "gone")


@pytest.fixture(scope="module")
def moments(shared_service: Service) -> tuple[Service, list[str]]:
    """Three complete files: prices move, `b` is gone, `d` is new, and then `b` is back."""
    found = []
    for day, prices in enumerate(
        ({"a": 10, "b": 20, "c": 30}, {"a": 11, "c": 30, "d": 40}, {"a": 11, "b": 20, "d": 40}), 1
    ):
        rows = (f"L4,{price},0.5,EU,{seller},2025-01-0{day}" for seller, price in prices.items())
        status = shared_service.import_csv(offers(*rows), "?source=feed&complete=true")
        found.append(str(status["imported_at"]))
    return shared_service, found


def _counts(service: Service, query: str) -> tuple[int, ...]:
    answer = service.http.get(f"/api/diff?{query}").json
    return tuple(answer[name] for name in COUNTS)


def test_it_counts_what_differs(moments: tuple[Service, list[str]]) -> None:
    service, (first, second, third) = moments
    assert _counts(service, f"from={first}&to={second}") == (1, 1, 1, 1, 1)
    assert _counts(service, f"from={first}") == (1, 1, 1, 1, 1)
    assert _counts(service, f"from={third}&to={first}") == (1, 1, 1, 1, 0)
    assert _counts(service, f"from={second}&to={second}") == (0, 0, 0, 3, 0)
    assert _counts(service, "from=2000-01-01") == (3, 0, 0, 0, 0)


def test_each_list_has_as_many_rows(moments: tuple[Service, list[str]]) -> None:
    service, (first, second, _) = moments
    shown = service.http.get(f"/api/diff?from={first}&to={second}").json
    sellers = {"added": ["d"], "removed": ["b"], "changed": ["a"], "gone": ["b"]}
    for kind, expected in sellers.items():
        rows = service.http.get(shown["links"][kind]).json
        assert [row["seller"] for row in rows] == expected
    (row,) = service.http.get(shown["links"]["changed"]).json
    assert (row["old_price_usd"], row["new_price_usd"], row["price_delta_pct"]) == (10, 11, 10)


def test_pages_are_the_whole(moments: tuple[Service, list[str]]) -> None:
    service, _ = moments
    path = "/api/diff?from=2000-01-01&kind=added"
    rows = service.http.get(path).json
    assert [row["seller"] for row in rows] == ["a", "b", "d"]
    assert service.walk(f"{path}&limit=1") == rows
    link = next_page(service.http.get(f"{path}&limit=1"))
    assert service.refusal(link.replace("added", "gone"))["code"] == "invalid_cursor"


def test_columns_can_be_chosen(moments: tuple[Service, list[str]]) -> None:
    service, (first, second, _) = moments
    query = f"from={first}&to={second}"
    csv = service.http.get(f"/api/diff?{query}&kind=added&fields=seller,price_usd&format=csv").text
    assert csv.splitlines() == ["seller,price_usd", "d,40.0"]
    changed = service.http.get(f"/api/diff?{query}&kind=changed&fields=old_import_id,seller").json
    assert [list(row) for row in changed] == [["old_import_id", "seller"]]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("", "from"),
        ("from=", "from"),
        ("from=yesterday", "from"),
        ("from=2999-01-01", "from"),
        ("from=2025-01-01&to=2999-01-01", "to"),
        ("from=2025-01-01&to=", "to"),
        ("from=2025-01-01&kind=new", "kind"),
        ("from=2025-01-01&limit=1", "limit"),
        ("from=2025-01-01&kind=added&fields=nothing", "fields"),
        ("from_=2025-01-01", "from_"),
    ],
)
def test_what_is_wrong_is_named(
    moments: tuple[Service, list[str]], query: str, parameter: str
) -> None:
    found: dict[str, Any] = moments[0].refusal(f"/api/diff?{query}")
    assert found["parameter"] == parameter


def test_the_moment_to_compare_with_is_required(service: Service) -> None:
    found = problem(service.http.get("/api/diff", status=400))
    assert (found["code"], found["parameter"]) == ("invalid_parameter", "from")
    assert found["detail"] == "the parameter 'from' is required"
