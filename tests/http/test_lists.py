"""What all lists have in common."""

import pytest

from tests.http.conftest import Market

LISTS = (
    "listings",
    "models",
    "deltas",
    "stats",
    "imports",
    "sources",
    "events",
    "watches",
    "webhooks",
)


@pytest.mark.parametrize("name", LISTS)
def test_a_list_depends_on_the_form_that_is_accepted(market: Market, name: str) -> None:
    answers = [
        market.service.http.get(f"/api/{name}", headers={"Accept": accept})
        for accept in ("application/json", "text/csv")
    ]
    assert [answer.content_type for answer in answers] == ["application/json", "text/csv"]
    assert {answer.headers["Vary"] for answer in answers} == {"Accept, Accept-Encoding"}
    assert answers[0].headers["ETag"] != answers[1].headers["ETag"]
