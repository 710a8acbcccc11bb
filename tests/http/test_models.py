"""`GET /api/models` and `GET /api/models/{model}`: what each model costs and scores."""

import threading
from typing import Any

import pytest

from glyphd.history import remembered_history
from glyphd.history.market_models import MODEL_COLUMNS, Models
from tests.http.conftest import Market
from tests.service import Service, offers

ODD_NAMES = [
    "H100 SXM/80GB",
    "A/B",
    "A//B",
    "ü 100%",
    "a+b",
    "q?x#y",
    "x/history",
    "a\nb",
    "...",
    "名前",
]


def _quoted(name: str) -> str:
    return "".join(f"%{byte:02X}" for byte in name.encode())


def _names(found: list[dict[str, Any]]) -> list[str]:
    return [row["model"] for row in found]


def test_models_come_by_name_with_every_column(market: Market) -> None:
    found = market.service.http.get("/api/models").json
    assert _names(found) == ["H100_PCIE_80GB", "L4", "L40S", "rtx_a6000"]
    assert all(tuple(row) == MODEL_COLUMNS for row in found)


def test_a_model_is_summed_up_whatever_its_case(market: Market) -> None:
    found = market.service.http.get("/api/models/RTX_A6000").json
    assert found == {
        "model": "rtx_a6000", "listing_count": 3,
        "min_price": 4000.0, "p25_price": 4100.0, "median_price": 4200.0, "p75_price": 4350.0,
        "max_price": 4500.0, "avg_price": 4233.333333,
        "min_score": 0.8, "median_score": 0.8, "max_score": 0.9,
        "max_score_per_1000_usd": 0.2,
        "last_seen_at": "2025-07-05T12:00:00.000000Z",
        "lowest_price": 4000.0, "lowest_at": "2025-07-05T12:00:00.000000Z",
        "vram_gb": 48, "mig_capable": None, "tdp_watts": None, "cuda_cores": None,
        "slot_width": None,
        "pcie_generation": None, "nvlink": None, "generation": None, "form_factor": None,
        "quantization_capacity_7b": None, "quantization_capacity_13b": None,
        "quantization_capacity_70b": None,
    }  # fmt: skip
    assert found in market.service.http.get("/api/models").json


def test_capacities_are_those_of_the_latest_listing_that_has_them(service: Service) -> None:
    header = "model,price_usd,score,seller,seen_at,nvlink,quantization_capacity_7b,_13b,_70b"
    header = header.replace(",_", ",quantization_capacity_")
    rows = [
        "L4,1,1,a,2025-01-01,yes,3,2,1",
        "L4,1,1,b,2025-01-03,,,,",
        "L4,1,1,c,2025-01-02,no,6,5,4",
    ]
    service.import_csv("\n".join([header, *rows]))
    found = service.http.get("/api/models/l4").json
    assert [found[f"quantization_capacity_{size}"] for size in ("7b", "13b", "70b")] == [6, 5, 4]
    assert found["nvlink"] is False


def test_an_empty_archive_has_none(service: Service) -> None:
    assert service.http.get("/api/models").json == []
    assert service.http.get("/api/models?limit=1").json == []
    assert service.refusal("/api/models/L4", 404)["nearest"] == []


@pytest.mark.parametrize("size", [1, 2, 3, 4, 10_000])
def test_pages_are_the_list(market: Market, size: int) -> None:
    found = market.service.walk(f"/api/models?limit={size}")
    assert found == market.service.http.get("/api/models").json


def test_pages_of_a_list_too_long_to_remember_are_the_list_too(
    start_service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered_history, "MOST_ROWS", 3)
    service = start_service()
    service.import_csv(offers(*(f"{model},1,1,,,2025-01-01" for model in "bDaCe")))
    found = service.http.get("/api/models").json
    assert _names(found) == ["a", "b", "C", "D", "e"]
    for size in (1, 2, 5):
        assert service.walk(f"/api/models?limit={size}") == found


def test_formats(market: Market) -> None:
    http = market.service.http
    lines = http.get("/api/models?format=csv").text.splitlines()
    assert (lines[0], len(lines)) == (",".join(MODEL_COLUMNS), 5)
    assert http.get("/api/models", headers={"Accept": "application/x-ndjson"}).text.count("\n") == 4


def test_safe_csv_guards_names(service: Service) -> None:
    service.import_csv(offers("=1+1,1,1,,,2025-01-01"))
    assert (
        service.http.get("/api/models?format=csv&safe=true")
        .text.splitlines()[1]
        .startswith("'=1+1,")
    )


def test_a_cursor_needs_a_limit_and_belongs_to_this_list(market: Market) -> None:
    link = market.service.http.get("/api/models?limit=1").headers["Link"]
    cursor = link.partition("cursor=")[2].partition(">")[0]
    assert market.service.refusal(f"/api/models?cursor={cursor}")["parameter"] == "cursor"
    history = market.service.refusal(f"/api/models/L4/history?limit=1&cursor={cursor}")
    assert history["code"] == "invalid_cursor"


@pytest.mark.parametrize(
    "path", ["/api/models?bucket=day", "/api/models?fields=model", "/api/models/L4?limit=1"]
)
def test_unknown_parameters_are_refused(market: Market, path: str) -> None:
    assert market.service.refusal(path)["code"] == "unknown_parameter"


@pytest.mark.parametrize(
    ("asked", "nearest"), [("RTX_A600", "rtx_a6000"), ("h100-pcie-80gb", "H100_PCIE_80GB")]
)
def test_an_unknown_model_is_404_with_the_nearest_names(
    market: Market, asked: str, nearest: str
) -> None:
    found = market.service.refusal(f"/api/models/{asked}", 404)
    assert (found["code"], found["nearest"][0]) == ("model_not_found", nearest)
    assert nearest in found["detail"]


@pytest.mark.parametrize("query", ["?as_of=2025-01-01", "?gone=only"])
def test_a_model_without_a_listing_then_is_404_and_not_its_own_neighbour(
    market: Market, query: str
) -> None:
    found = market.service.refusal(f"/api/models/L4{query}", 404)
    assert "L4" not in found["nearest"]
    assert found["detail"].startswith("the model 'L4' has no listing that is current")


@pytest.mark.parametrize("name", ["zzz", "%00", "zz%00z", "%20", "x" * 3000])
def test_a_name_that_is_like_none_is_404_too(market: Market, name: str) -> None:
    assert market.service.refusal(f"/api/models/{name}", 404)["nearest"] == []


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_name_can_be_asked_for(service: Service, name: str) -> None:
    cell = name.replace('"', '""')
    service.import_csv(offers(f'"{cell}",1,1,,,2025-01-01'))
    assert service.http.get(f"/api/models/{_quoted(name)}").json["model"] == " ".join(name.split())
    assert len(service.http.get(f"/api/models/{_quoted(name)}/history").json) == 1


def test_an_encoded_slash_before_history_is_part_of_the_name(service: Service) -> None:
    service.import_csv(offers("x,1,1,,,2025-01-01", "x/history,2,1,,,2025-01-01"))
    path = "/api/models/x/history"
    asked: dict[str, Any] = {
        "/api/models/x%2Fhistory": {},
        "/api/models/x%2fhistory?": {},
        path: [],
    }
    found = {uri: service.http.get(path, extra_environ={"REQUEST_URI": uri}).json for uri in asked}
    assert {uri: type(answer)() for uri, answer in found.items()} == asked
    assert found["/api/models/x%2Fhistory"]["model"] == "x/history"


@pytest.mark.parametrize(
    "path", ["/api/models", "/api/models?limit=2", "/api/models/L4", "/api/models/L4/history"]
)
def test_who_has_it_already_gets_304_until_an_import(service: Service, path: str) -> None:
    service.import_csv(offers("L4,1,1,,,2025-01-01"))
    etag = service.http.get(path).headers["ETag"]
    assert service.http.get(path, headers={"If-None-Match": etag}, status=304).body == b""
    service.import_csv(offers("L4,2,1,,,2025-01-02"))
    assert service.http.get(path, headers={"If-None-Match": etag}).headers["ETag"] != etag


def test_an_import_shows_at_once(service: Service) -> None:
    for price in (1, 2, 3):
        service.import_csv(offers(f"L4,{price},1,,,2025-01-0{price}"))
        assert service.http.get("/api/models").json[0]["max_price"] == price
        assert service.http.get("/api/models/L4").json["max_price"] == price
        assert len(service.http.get("/api/models/L4/history").json) == price


def test_the_list_is_computed_once_for_all_who_ask(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.import_csv(offers("L4,1,1,,,2025-01-01", "A,1,1,,,2025-01-01"))
    computed: list[str] = []
    select = Models._select

    def counted(series: Models, after: list[Any] | None, limit: int | None) -> Any:
        computed.append(threading.current_thread().name)
        return select(series, after, limit)

    monkeypatch.setattr(Models, "_select", counted)
    paths = ["/api/models", "/api/models?limit=1", "/api/models?format=csv"] * 3
    threads = [threading.Thread(target=service.http.get, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(computed) == 1
