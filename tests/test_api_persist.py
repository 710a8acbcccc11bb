"""From a request to rows that can be queried: a CSV file, and rows as JSON."""

from datetime import UTC, datetime
from pathlib import Path

from glyphd.contracts.import_contracts import ImportResultDTO
from tests.service import Service

SAMPLE = Path(__file__).parents[1] / "sample" / "scored_sample.csv"


def test_import_endpoint(live_service: Service) -> None:
    rows = [
        {"canonical_model": "H100_PCIE_80GB", "price": 28950.0, "final_score": 0.91},
        {"canonical_model": "RTX_A6000", "price": 3899.0, "final_score": 0.8675},
        {"canonical_model": "L40S", "price": 7995.0, "final_score": 0.8493},
    ]
    began = datetime.now(UTC)
    answer = live_service.http.post_json("/api/persist/listings", rows)
    assert answer.status_code == 200
    result = ImportResultDTO.model_validate(
        {name: answer.json[name] for name in ImportResultDTO.model_fields}
    )
    assert set(ImportResultDTO.model_fields) == {
        "import_id",
        "record_count",
        "first_model",
        "last_model",
        "timestamp",
    }
    assert (result.record_count, result.first_model, result.last_model) == (
        3,
        "H100_PCIE_80GB",
        "L40S",
    )
    assert began <= result.timestamp <= datetime.now(UTC)
    found = live_service.listings(f"?import_id={result.import_id}")
    assert [row["model"] for row in found] == [row["canonical_model"] for row in rows]


def test_file_import_endpoint(service: Service) -> None:
    answer = service.http.post(
        "/api/import", upload_files=[("file", SAMPLE.name, SAMPLE.read_bytes())]
    )
    import_id = answer.json["import_id"]
    assert (answer.status_code, answer.json["status"]) == (202, "queued")

    service.work()
    status = service.status(import_id)
    count = len(SAMPLE.read_text().splitlines()) - 1
    assert (status["status"], status["record_count"], status["error"]) == ("succeeded", count, None)

    rows = service.listings(f"?import_id={import_id}")
    assert [row["import_index"] for row in rows] == list(range(1, count + 1))
    best = service.listings("?model=RTX_A6000&min_score=0.8")
    assert len(best) >= 2
    assert all(row["model"] == "RTX_A6000" and row["score"] >= 0.8 for row in best)


def test_importing_the_same_file_again_updates_its_listings(service: Service) -> None:
    first, second = (service.import_csv(SAMPLE.read_bytes()) for _ in range(2))
    assert first["import_id"] != second["import_id"] == service.listings()[0]["import_id"]
    assert len(service.listings()) == first["record_count"] == second["record_count"]


def test_persist_endpoint(live_service: Service) -> None:
    row = {
        "model": "RTX_A6000",
        "price_usd": 4500.0,
        "score": 0.9,
        "heuristics": {"price_vs_median": -0.03},
    }
    answer = live_service.http.post_json(
        "/api/persist/listings", [row, {**row, "price_usd": 4600.0}]
    )
    assert (answer.status_code, answer.json["status"], answer.json["record_count"]) == (
        200,
        "succeeded",
        2,
    )
    rows = live_service.listings(f"?import_id={answer.json['import_id']}")
    assert [row["price_usd"] for row in rows] == [4500.0, 4600.0]
    assert rows[0]["heuristics"] == {"price_vs_median": -0.03}


def test_persist_endpoint_refuses_a_bad_row_and_all_others_with_it(service: Service) -> None:
    rows = [
        {"model": "L4", "price_usd": 1, "score": 1},
        {"model": "L4", "price_usd": "free", "score": 1},
    ]
    answer = service.http.post_json("/api/persist/listings", rows, status=422)
    (error,) = answer.json["errors"]
    assert (error["index"], error["field"], error["code"]) == (1, "price_usd", "not_a_number")
    service.work()
    assert service.listings() == []
