"""Successive files of offers: which rows are one offer and which are two."""

from typing import Any

from tests.service import Service

HEADER = "model,price_usd,score,seller,source_url,seen_at\n"


def _deltas(service: Service) -> list[tuple[float, float]]:
    found: list[dict[str, Any]] = service.http.get("/api/deltas").json
    return [(row["previous_price_usd"], row["price_usd"]) for row in found]


def test_the_path_of_a_url_tells_offers_apart_by_its_case(service: Service) -> None:
    first = service.import_csv(
        HEADER
        + "GX-10,100,0.5,Northwind,https://shop.example/i/aB1x,2025-07-01\n"
        + "GX-10,900,0.5,Northwind,https://shop.example/i/Ab1X,2025-07-01\n"
    )["import_id"]
    assert sorted(row["price_usd"] for row in service.listings()) == [100.0, 900.0]
    second = service.import_csv(
        HEADER + "GX-10,900,0.5,Northwind,https://shop.example/i/Ab1X,2025-07-02\n"
    )["import_id"]
    assert _deltas(service) == []
    diff = service.http.get(f"/api/imports/{first}/diff/{second}").json
    assert {name: diff[name] for name in ("added", "removed", "changed", "unchanged")} == {
        "added": 0,
        "removed": 1,
        "changed": 0,
        "unchanged": 1,
    }
    removed = service.http.get(f"/api/imports/{first}/diff/{second}?kind=removed").json
    assert [row["price_usd"] for row in removed] == [100.0]


def test_composed_and_decomposed_letters_are_the_same(service: Service) -> None:
    header = "model,price_usd,score,seller,seen_at\n"
    service.import_csv(header + "Caf\u00e9-90,100,0.5,Northwind,2025-07-01\n", "?source=s")
    assert service.http.get("/api/models/Caf%C3%A9-90").status_code == 200
    service.import_csv(header + "Cafe\u0301-90,90,0.5,Northwind,2025-07-02\n", "?source=s")
    for spelled in ("Caf%C3%A9-90", "Cafe%CC%81-90", "%20CAF%C3%A9-90%E2%80%8B"):
        assert [row["price_usd"] for row in service.listings(f"?model={spelled}")] == [90.0]
        assert service.http.get(f"/api/models/{spelled}").json["model"] == "Caf\u00e9-90"


def test_two_observations_in_one_file_are_one_offer_that_moved(service: Service) -> None:
    service.import_csv(
        HEADER
        + "GX-100,100,0.5,Northwind,https://shop.example/i/100,2025-07-01\n"
        + "GX-100,120,0.5,Northwind,https://shop.example/i/100,2025-07-02\n"
    )
    assert [row["price_usd"] for row in service.listings()] == [120.0]
    assert _deltas(service) == [(100.0, 120.0)]
