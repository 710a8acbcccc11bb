"""A query that is sent again is parsed only once, and always means the same."""

from collections.abc import Iterable
from typing import Any

import pytest

from glyphd.api import query_strings
from glyphd.contracts.parameter_reading import read_parameters
from tests.service import Service, offers, problem


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the contracts that queries were read into."""
    seen: list[str] = []

    def noted(contract: type[Any], pairs: Iterable[tuple[str, str]]) -> Any:
        seen.append(contract.__name__)
        return read_parameters(contract, pairs)

    monkeypatch.setattr(query_strings, "read_parameters", noted)
    query_strings._kept_query.cache_clear()
    return seen


def test_a_query_that_is_sent_again_is_parsed_once(service: Service, parsed: list[str]) -> None:
    for _ in range(3):
        assert service.http.get("/api/listings?limit=7&model=L4").json == []
    assert parsed == ["ListingQuery"]


def test_it_sees_what_was_imported_in_between(service: Service) -> None:
    assert service.http.get("/api/listings?limit=7&model=L4").json == []
    service.import_csv(offers("L4,2400,0.7,USA,Acme,2025-07-29T12:00:00Z"))
    assert len(service.http.get("/api/listings?limit=7&model=L4").json) == 1


def test_a_refused_query_is_refused_again(service: Service) -> None:
    for _ in range(2):
        answer = service.http.get("/api/listings?limit=0", status=400)
        assert problem(answer)["parameter"] == "limit"


def test_each_route_reads_the_same_query_by_its_own_contract(
    service: Service, parsed: list[str]
) -> None:
    service.http.get("/api/listings?limit=7")
    service.http.get("/api/imports?limit=7")
    assert len(set(parsed)) == 2


def test_a_long_query_is_not_kept(service: Service, parsed: list[str]) -> None:
    query = "&".join(["limit=7", *(f"model={number:030}" for number in range(40))])
    for _ in range(2):
        service.http.get(f"/api/listings?{query}")
    assert len(parsed) == 2
