"""`GET /api/listings`: filters, and what is refused."""

from urllib.parse import quote

import pytest

from glyphd.contracts.queries import ListingQuery
from glyphd.storage.result_rows import RESULT_COLUMNS
from tests.http.conftest import Market
from tests.service import Service, offers

EVERYTHING = [7000.0, 4000.0, 30000.0, 2400.0, 4200.0, 4500.0]


def test_a_row_has_every_column_in_order(market: Market) -> None:
    assert tuple(market.service.listings()[0]) == RESULT_COLUMNS


def test_without_parameters_it_is_the_whole_market_latest_first(market: Market) -> None:
    assert market.prices() == EVERYTHING


def test_an_empty_archive_is_an_empty_array(service: Service) -> None:
    assert service.listings() == []


@pytest.mark.parametrize(
    ("query", "prices"),
    [
        ("model=RTX_A6000", [4000, 4200, 4500]),
        ("model=rtx_a6000", [4000, 4200, 4500]),
        ("model=L4", [2400]),
        ("model=L4&model=l40s", [7000, 2400]),
        ("model=RTX_", []),
        ("model=%20L4%20", [2400]),
        ("region=USA", [4000, 4500]),
        ("region=eu&region=germany", [30000, 2400, 4200]),
        ("condition=new", [30000, 2400, 4500]),
        ("condition=used&condition=REFURBISHED", [4000, 4200]),
        ("seller=ACME", [2400, 4500]),
        ("seller=nordhall+compute", [30000]),
        ("seller=acme&seller=zebra", [4000, 2400, 4200, 4500]),
        ("source_type=retail", [2400, 4500]),
        ("source_type=broker&source_type=auction", [4000, 30000, 4200]),
        ("source=perplexity", [30000, 2400, 4200, 4500]),
        ("source=EBAY", [7000, 4000]),
        ("source=ebay&source=Perplexity", EVERYTHING),
        ("source=nobody", []),
        ("model_contains=a6", [4000, 4200, 4500]),
        ("model_contains=_", [4000, 30000, 4200, 4500]),
        ("model_contains=%25", []),
        ("model_contains=l4", [7000, 2400]),
        ("min_score=0.8", [4000, 30000, 4200, 4500]),
        ("max_score=0.8", [7000, 4000, 2400, 4200]),
        ("min_score=0.8&max_score=0.8", [4000, 4200]),
        ("min_price=4500", [7000, 30000, 4500]),
        ("max_price=4200.0", [4000, 2400, 4200]),
        ("min_price=4e3&max_price=4500", [4000, 4200, 4500]),
        ("min_price=-1", EVERYTHING),
        ("min_vram_gb=48", [4000, 30000, 4200, 4500]),
        ("min_vram_gb=0", [4000, 30000, 2400, 4200, 4500]),
        ("after=2025-07-04T12:00:00Z", [7000, 4000]),
        ("before=2025-07-02T12:00:00Z", [4500]),
        ("after=2025-07-04T11:59:59.999999Z", [7000, 4000, 30000]),
        ("after=2025-07-02&before=2025-07-03", [4200]),
        ("after=2025-07-04T12:00:00", [7000, 4000]),
        ("after=2025-07-04%2012:00:00", [7000, 4000]),
        ("after=2025-07-04T14:00:00%2B02:00", [7000, 4000]),
        ("after=2025-07-04T14:00:00+02:00", [7000, 4000]),
        ("after=2025-07-04%2014:00:00+0200", [7000, 4000]),
        ("after=2025-07-04T11:00:00-01:00", [7000, 4000]),
        ("model=RTX_A6000&min_score=0.8&region=usa&max_price=4400", [4000]),
    ],
)
def test_filters(market: Market, query: str, prices: list[float]) -> None:
    assert market.prices(f"?{query}") == prices


@pytest.mark.parametrize(
    "name", sorted(ListingQuery.model_fields.keys() - {"cursor", "import_id", "as_of"})
)
def test_any_other_empty_value_counts_as_absent(market: Market, name: str) -> None:
    assert market.prices(f"?{name}=") == EVERYTHING
    assert market.prices(f"?{name}=+") == EVERYTHING


def test_an_import_gives_its_rows_as_they_stood_in_the_file(market: Market) -> None:
    assert market.prices(f"?import_id={market.first}") == [4500, 4200, 2400, 30000]


def test_imports_may_be_combined(market: Market) -> None:
    assert market.prices(f"?import_id={market.first}&import_id={market.second}") == EVERYTHING


def test_an_import_may_be_filtered(market: Market) -> None:
    assert market.prices(f"?import_id={market.first}&region=EU") == [4200, 2400]


@pytest.mark.parametrize(
    "import_id", ["550e8400-e29b-41d4-a716-446655440000", "no-uuid", "' OR 1=1"]
)
def test_an_unknown_import_is_an_empty_array(market: Market, import_id: str) -> None:
    assert market.service.http.get("/api/listings", {"import_id": import_id}).json == []


def test_an_unfinished_import_is_an_empty_array(service: Service) -> None:
    import_id = service.upload(offers("L4,1,1,,,2025-01-01")).json["import_id"]
    assert service.listings(f"?import_id={import_id}") == []


def test_an_import_keeps_the_rows_that_were_superseded(service: Service) -> None:
    first = service.import_csv(offers("L4,1,1,,,2025-01-01"))["import_id"]
    service.import_csv(offers("L4,2,1,,,2025-01-02"))
    assert [row["price_usd"] for row in service.listings()] == [2.0]
    assert [row["price_usd"] for row in service.listings(f"?import_id={first}")] == [1.0]


def test_the_latest_is_chosen_first_and_then_filtered(service: Service) -> None:
    service.import_csv(offers("L4,1,0.9,,,2025-01-01"))
    service.import_csv(offers("L4,2,0.1,,,2025-01-02"))
    assert service.listings("?min_score=0.5") == []


def test_importing_the_same_again_doubles_nothing(service: Service) -> None:
    csv = offers("L4,1,1,,,2025-01-01", "L4,1,1,,,2025-01-01", "A,1,1,,,2025-01-01")
    first, second = (service.import_csv(csv)["import_id"] for _ in range(2))
    assert [row["import_id"] for row in service.listings()] == [second] * 3
    assert len(service.listings(f"?import_id={first}")) == 3


def test_first_seen_at_is_that_of_the_earliest_event(service: Service) -> None:
    service.import_csv(offers("L4,1,1,,,2025-01-02", "A,1,1,,,2025-01-01"))
    service.import_csv(offers("L4,2,1,,,2025-01-03T10:00:00.5Z"))
    row = service.listings("?model=L4")[0]
    assert (row["first_seen_at"], row["seen_at"]) == (
        "2025-01-02T00:00:00.000000Z",
        "2025-01-03T10:00:00.500000Z",
    )


@pytest.mark.parametrize("name", ["min_scor", "MIN_SCORE"])
def test_an_unknown_parameter_is_named_with_the_nearest_and_the_list(
    market: Market, name: str
) -> None:
    found = market.refusal(f"{name}=0.8")
    assert (found["code"], found["parameter"], found["nearest"]) == (
        "unknown_parameter",
        name,
        "min_score",
    )
    assert found["known"] == list(ListingQuery.model_fields)
    assert repr(name) in found["detail"]
    assert "min_score" in found["detail"]


def test_names_of_parameters_have_their_case(market: Market) -> None:
    assert market.refusal("Model=L4")["nearest"] == "model"


@pytest.mark.parametrize("name", ["offset", "page"])
def test_who_counts_pages_is_pointed_to_the_cursor(market: Market, name: str) -> None:
    assert "cursor" in market.refusal(f"{name}=2")["detail"]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("min_score=high", "not a decimal number"),
        ("max_score=nan", "not a decimal number"),
        ("min_price=1e999", "must be finite"),
        ("max_price=1_000", "not a decimal number"),
        ("min_vram_gb=4.5", "not a whole number"),
        ("min_vram_gb=-1", "from 0 to"),
        ("after=yesterday", "2025-07-29T12:12:00Z"),
        ("before=20250704", "2025-07-29T12:12:00Z"),
        ("after=2025-02-30", "2025-07-29T12:12:00Z"),
        ("sort=price", "'price_usd'"),
        ("sort=--score", "'-score'"),
        ("limit=0", "from 1 to 10000"),
        ("limit=10001", "from 1 to 10000"),
        ("limit=ten", "not a whole number"),
        ("count=yes", "'exact'"),
        ("format=xml", "'ndjson'"),
        ("safe=perhaps", "true, false"),
        ("fields=modell", "there is no such column; did you mean model?"),
        ("fields=PRICE_USD", "did you mean price_usd?"),
        ("min_price=2&max_price=1", "min_price=2 is above max_price=1"),
        ("min_score=0.9&max_score=-0.9", "min_score=0.9 is above max_score=-0.9"),
        (f"model_contains={'x' * 201}", "200 characters"),
        ("model=a%00b", "NUL"),
    ],
)
def test_a_bad_value_is_refused_with_the_reason(market: Market, query: str, reason: str) -> None:
    found = market.refusal(query)
    name, _, value = query.partition("&")[0].partition("=")
    assert (found["code"], found["parameter"]) == ("invalid_parameter", name)
    assert found["value"] == value.replace("%00", "\0")[:200]
    assert reason in found["detail"]


@pytest.mark.parametrize(
    "path", ["/api/listings", "/api/deltas", f"/api/listings/{'0' * 32}/source"]
)
@pytest.mark.parametrize("value", ["", "%20", "%09"])
def test_an_unset_variable_does_not_ask_for_the_whole_market(
    market: Market, path: str, value: str
) -> None:
    found = market.service.refusal(f"{path}?import_id={value}")
    assert (found["code"], found["parameter"]) == ("invalid_parameter", "import_id")


@pytest.mark.parametrize("value", ["", "%20", "%09"])
def test_an_empty_moment_is_not_the_present(market: Market, value: str) -> None:
    assert market.refusal(f"as_of={value}")["parameter"] == "as_of"


def test_what_may_be_given_once_is_refused_twice(market: Market) -> None:
    found = market.refusal("min_score=0.5&min_score=0.6")
    assert (found["code"], found["detail"]) == ("invalid_parameter", "min_score is given twice")


@pytest.mark.parametrize(
    "query", ["model=%FF", "&".join(["model=L4"] * 201)], ids=["not UTF-8", "too many"]
)
def test_a_query_that_can_not_be_read_is_400(market: Market, query: str) -> None:
    assert market.refusal(query)["code"] == "invalid_request"


@pytest.mark.every_way
@pytest.mark.parametrize("words", ["café nord", "CAFÉ", "Café", "nORD cAFé", "fÉ"])
def test_words_are_found_in_any_case(service: Service, words: str) -> None:
    service.import_csv(offers("L4,1,1,EU,Café Nord,", "L4,2,1,EU,Cafe Nord,"))
    assert [row["price_usd"] for row in service.listings(f"?q={quote(words)}")] == [1]
