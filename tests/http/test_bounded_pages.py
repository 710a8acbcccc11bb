"""Pages are limited in bytes as well as in rows, and JSON bodies in the number of their values."""

import json
import time

import pytest

from glyphd.api import body_blocks, import_lists, large_json, weights
from glyphd.listings import results, search
from glyphd.siblings.family import OfService
from tests.service import Service, StartService, next_page, offers, problem

MIB = 1 << 20
JSON_TYPE = {"Content-Type": "application/json"}
ASYNC = {"Prefer": "respond-async"}
REPETITIVE = f"[{','.join(['[]'] * 20_000)}]"


def _large_rows(count: int, price: int = 1) -> bytes:
    rows = (
        f'L4,{price},0.5,https://example.com/{number},"{REPETITIVE}"\n' for number in range(count)
    )
    return ("model,price_usd,score,source_url,heuristics\n" + "".join(rows)).encode()


def test_a_page_of_large_rows_ends_early_and_the_next_one_goes_on(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "BLOCK_ROWS", 8)
    monkeypatch.setattr(results, "MOST_PAGE_BYTES", MIB)
    service.import_csv(_large_rows(50))
    page = service.http.get("/api/listings?limit=10000&sort=price_usd")
    assert 16 <= len(page.json) <= 24
    assert next_page(page)
    walked = service.walk("/api/listings?limit=10000&sort=price_usd")
    assert len({row["listing_id"] for row in walked}) == len(walked) == 50
    assert walked[0]["heuristics"] == json.loads(REPETITIVE)


@pytest.mark.parametrize("block", [1, 3, 10, 11])
def test_pages_made_of_blocks_are_those_of_one(
    service: Service, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    service.import_csv(offers(*(f"L4,{number % 3},0.5,,seller {number}," for number in range(10))))
    path = "/api/listings?limit=10&sort=price_usd&fields=seller"
    whole = service.http.get(path).json
    monkeypatch.setattr(search, "BLOCK_ROWS", block)
    pages = [
        service.http.get(f"{path.replace('limit=10', f'limit={limit}')}") for limit in (9, 10, 11)
    ]
    assert [len(page.json) for page in pages] == [9, 10, 10]
    assert [bool(next_page(page)) for page in pages] == [True, False, False]
    assert pages[2].json == whole


def test_pages_of_a_difference_end_early_too(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "MOST_PAGE_BYTES", MIB)
    first = service.import_csv(offers("A100,1,0.5,,,"))["import_id"]
    second = service.import_csv(_large_rows(50))["import_id"]
    path = f"/api/imports/{first}/diff/{second}?kind=added&limit=100"
    assert len(service.http.get(path).json) < 25
    assert len(service.walk(path)) == 50


def test_pages_of_imports_end_early_too(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "MOST_PAGE_BYTES", 20_000)
    monkeypatch.setattr(import_lists, "BLOCK_ROWS", 4)
    for number in range(9):
        service.upload(offers(*["L4,x,0.5,,,"] * 40), f"?source=s{number}")
    service.work()
    assert len(service.http.get("/api/imports?limit=10000").json) < 9
    assert [row["source"] for row in service.walk("/api/imports?limit=10000")] == [
        f"s{n}" for n in range(8, -1, -1)
    ]
    assert [len(service.http.get(f"/api/imports?limit={limit}").json) for limit in (1, 2)] == [1, 2]


@pytest.mark.parametrize("path", ["/api/persist/listings", "/api/import"])
def test_a_json_body_of_too_many_values_is_too_large(
    start_service: StartService, path: str
) -> None:
    service = start_service(max_json_bytes=64 * 1024)
    body = b"[" + b",".join([b"{}"] * 5000) + b"]"
    assert problem(service.post(path, body, JSON_TYPE, status=413))["code"] == "too_large"


@pytest.mark.parametrize("block", [1, 2, 7, 64 * 1024])
def test_commas_in_a_text_are_no_values(
    start_service: StartService, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(body_blocks, "BLOCK", block)
    service = start_service(max_json_bytes=64 * 1024)
    csv = offers(*['L4,1,0.5,,"[{\\"\\\\",'] + ["L4,1,0.5,,,"] * 2000)
    service.post("/api/import", json.dumps({"csv": csv}), JSON_TYPE, status=202)
    values = json.dumps({"csv": csv[:9] + "\\", "more": [1] * 5000})
    refused = problem(service.post("/api/import", values, JSON_TYPE, status=413))
    assert refused["code"] == "too_large"


@pytest.mark.parametrize("path", ["/api/watches", "/api/webhooks"])
def test_a_body_of_a_few_members_is_small(service: Service, path: str) -> None:
    body = json.dumps({"name": "n" * 16 * 1024})
    refused = problem(service.post(path, body, JSON_TYPE, status=413))
    assert refused["limit"] == 16 * 1024


def test_a_large_json_body_waits_for_that_of_another_process(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "LARGE_JSON_BYTES", 100)
    siblings = service.services.siblings
    rows = json.dumps([{"model": "L4", "price_usd": 1, "score": 0.5, "seller": "s" * 100}])
    assert siblings.take_alone(OfService.LARGE_JSON)
    looks = []

    def give_back_at_third_look(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            siblings.give_back(OfService.LARGE_JSON)

    monkeypatch.setattr(time, "sleep", give_back_at_third_look)
    service.post("/api/persist/listings", rows, JSON_TYPE | ASYNC, status=202)
    assert len(looks) == 3
    assert siblings.take_alone(OfService.LARGE_JSON)
    monkeypatch.setattr(large_json, "LONGEST_WAIT_SECONDS", 0)
    refused = problem(service.post("/api/persist/listings", rows, JSON_TYPE, status=503))
    assert refused["code"] == "too_many_uploads"
    service.upload(offers("L4,1,0.5,,,"))
