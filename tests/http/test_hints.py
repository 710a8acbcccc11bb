"""`X-Hint`: why a list is empty."""

import pytest

from tests.http.conftest import Market
from tests.service import Service, offers


@pytest.mark.parametrize("page", ["", "&limit=5", "&sort=price_usd&format=csv"])
@pytest.mark.parametrize(
    ("query", "hint"),
    [
        ("region=US", "no region is 'US'; nearest: USA"),
        ("region=us&model=L4", "no region is 'us'; nearest: USA"),
        ("seller=nordhal+compute", "no seller is 'nordhal compute'; nearest: Nordhall Compute"),
        ("source=Ebbay", "no source is 'Ebbay'; nearest: eBay"),
        ("condition=Broken", "no condition is 'Broken'"),
        (
            "model=L&seller=acmee",
            "no model is 'L'; nearest: L4. no seller is 'acmee'; nearest: Acme",
        ),
    ],
)
def test_an_empty_list_says_which_value_is_unknown(
    market: Market, query: str, hint: str, page: str
) -> None:
    assert market.service.http.get(f"/api/listings?{query}{page}").headers["X-Hint"] == hint


@pytest.mark.parametrize(
    "query",
    [
        "region=EU",
        "region=EU&region=US",
        "region=usa&model=l4",
        "min_price=1000000",
        "region=US&as_of=2025-01-01",
        "region=US&history=true",
        "import_id=none&region=US",
        "q=nothing",
    ],
)
def test_no_hint_where_there_is_nothing_to_say(market: Market, query: str) -> None:
    for page in ("", "&limit=5"):
        assert "X-Hint" not in market.service.http.get(f"/api/listings?{query}{page}").headers


def test_what_is_not_ascii_is_percent_encoded(service: Service) -> None:
    service.import_csv(offers("L4,1,1,Zürich 100%,a,2025-01-01"))
    hint = service.http.get("/api/listings?region=Z%C3%BCrich").headers["X-Hint"]
    assert hint == "no region is 'Z%C3%BCrich'; nearest: Z%C3%BCrich 100%25"
    injected = service.http.get("/api/listings?region=a%09b").headers["X-Hint"]
    assert injected == "no region is 'a b'"


@pytest.mark.parametrize("path", ["/api/stats?by=model", "/api/stats/history?", "/api/deltas?"])
def test_statistics_and_changes_give_hints_too(market: Market, path: str) -> None:
    http = market.service.http
    assert http.get(f"{path}&region=US").headers["X-Hint"] == "no region is 'US'; nearest: USA"
    assert "X-Hint" not in http.get(f"{path}&region=USA").headers


@pytest.mark.parametrize("path", ["/api/index", "/changes"])
def test_a_mistyped_model_is_named_there_too(market: Market, path: str) -> None:
    answer = market.service.http.get(f"{path}?model=L44", headers={"Accept": "text/html, */*"})
    assert "nearest: L4" in answer.headers.get("X-Hint", answer.text)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("a6000", "rtx_a6000"),
        ("H100 80GB", "H100_PCIE_80GB"),
        ("l40", "L40S"),
        ("80gb-h100", "H100_PCIE_80GB"),
    ],
)
def test_an_unknown_model_is_answered_with_those_that_have_its_words(
    market: Market, name: str, nearest: str
) -> None:
    assert market.service.refusal(f"/api/models/{name}", 404)["nearest"][0] == nearest
