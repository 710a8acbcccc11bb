"""`Idempotency-Key`: one request is one import, however often it is sent."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from glyphd.contracts.import_options import ImportOptions
from tests.service import Service, offers, problem

pytestmark = pytest.mark.every_way

CSV = offers("RTX_A6000,4500,0.9,USA,Acme,2025-07-29T12:00:00Z")
OTHER = offers("RTX_A6000,4600,0.9,USA,Acme,2025-07-29T12:00:00Z")
ROWS = [{"model": "L4", "price_usd": 2400, "score": 0.7}]
RAW = {"Content-Type": "text/csv", "Idempotency-Key": "monday"}


def test_the_same_request_gives_the_first_import_with_its_status_of_now(service: Service) -> None:
    first = service.upload(CSV, Idempotency_Key="monday")
    service.work()
    again = service.upload(CSV, Idempotency_Key="monday")
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (again.status_code, again.json["import_id"]) == (202, first.json["import_id"])
    assert again.json["status"] == "succeeded"


def test_a_replay_keeps_nothing_more(service: Service) -> None:
    service.upload(CSV, Idempotency_Key="monday")
    kept = service.kept()
    service.upload(CSV, Idempotency_Key="monday")
    assert service.kept() == kept


OPTION_VALUES = {
    "source": "a",
    "description": "b",
    "delimiter": ",",
    "encoding": "cp1252",
    "on_error": "skip",
    "dry_run": "true",
    "map": ":seller",
    "skip_lines": "1",
    "decimal": "comma",
    "complete": "true&source=a",
    "allow_shrink": "true",
}


def test_every_option_has_another_value_here() -> None:
    assert OPTION_VALUES.keys() == ImportOptions.model_fields.keys()


@pytest.mark.parametrize(
    ("csv", "query", "differs"),
    [
        (OTHER, "", ["content"]),
        (OTHER, "?on_error=skip&source=a", ["source", "on_error", "content"]),
        *(
            (CSV, f"?{name}={value}", ["source"] * ("&source=" in value) + [name])
            for name, value in OPTION_VALUES.items()
        ),
    ],
)
def test_the_same_key_with_anything_else_is_a_conflict_that_names_it(
    service: Service, csv: str, query: str, differs: list[str]
) -> None:
    first = service.upload(CSV, Idempotency_Key="monday").json
    found = problem(service.post(f"/api/import{query}", csv, RAW, status=409))
    assert (found["code"], found["import_id"]) == ("idempotency_key_reused", first["import_id"])
    assert found["differs"] == differs
    assert found["detail"].endswith(f"differs in {', '.join(differs)}")


def test_an_option_that_is_left_out_the_second_time_differs_too(service: Service) -> None:
    service.upload(CSV, "?source=a", Idempotency_Key="monday")
    assert problem(service.post("/api/import", CSV, RAW, status=409))["differs"] == ["source"]


def test_a_default_may_be_said_or_not(service: Service) -> None:
    first = service.upload(CSV, Idempotency_Key="monday").json
    again = service.upload(
        CSV,
        "?on_error=abort&dry_run=no&source=&decimal=point&skip_lines=0",
        Idempotency_Key="monday",
    )
    assert again.json["import_id"] == first["import_id"]


def test_a_retry_differs_in_its_content_from_an_upload(service: Service) -> None:
    bad = offers("RTX_A6000,x,0.9,USA,Acme,2025-07-29T12:00:00Z")
    failed = service.import_csv(bad, Idempotency_Key="monday")["import_id"]
    answer = service.post(
        f"/api/imports/{failed}/retry", "", {"Idempotency-Key": "monday"}, status=409
    )
    assert problem(answer)["differs"] == ["content"]


def test_a_request_of_which_only_a_digest_is_known_is_still_another_one(service: Service) -> None:
    first = service.upload(CSV, Idempotency_Key="monday").json["import_id"]
    service.alter(first, idempotency_fingerprint="1234567890" * 3)
    assert problem(service.post("/api/import", CSV, RAW, status=409))["differs"] == []


def test_a_replay_of_an_import_that_was_rolled_back_says_so(service: Service) -> None:
    import_id = service.import_csv(CSV, Idempotency_Key="monday")["import_id"]
    service.http.post(f"/api/imports/{import_id}/rollback")
    service.work()
    again = service.upload(CSV, Idempotency_Key="monday")
    assert (again.json["import_id"], again.headers["Idempotent-Replayed"]) == (
        import_id,
        "rolled-back",
    )
    service.http.post(f"/api/imports/{import_id}/restore")
    service.work()
    assert service.upload(CSV, Idempotency_Key="monday").headers["Idempotent-Replayed"] == "true"


def test_another_form_of_the_same_bytes_and_options_is_the_same_request(service: Service) -> None:
    first = service.upload(CSV, "?source=a", Idempotency_Key="monday").json
    again = service.http.post(
        "/api/import",
        {"source": "a"},
        upload_files=[("file", "offers.csv", CSV.encode())],
        headers={"Idempotency-Key": "monday"},
    )
    assert again.json["import_id"] == first["import_id"]


def test_a_failed_import_is_replayed_as_failed(service: Service) -> None:
    bad = offers("RTX_A6000,x,0.9,USA,Acme,2025-07-29T12:00:00Z")
    service.import_csv(bad, Idempotency_Key="monday")
    assert service.upload(bad, Idempotency_Key="monday").json["status"] == "failed"


def test_a_refused_request_leaves_its_key_free(service: Service) -> None:
    service.post("/api/import", "model\nx\n", RAW, status=422)
    assert service.upload(CSV, Idempotency_Key="monday").json["status"] == "queued"


def test_rows_as_json_have_keys_too(service: Service) -> None:
    headers = {"Idempotency-Key": "monday"}
    first = service.http.post_json("/api/persist/listings", ROWS, headers=headers).json
    again = service.http.post_json("/api/persist/listings", ROWS, headers=headers)
    assert (again.json["import_id"], again.headers["Idempotent-Replayed"]) == (
        first["import_id"],
        "true",
    )


@pytest.mark.parametrize("key", ["", "a b", "a" * 256, "Z\xfcrich"])
def test_refuses_a_key_that_can_not_be_kept(service: Service, key: str) -> None:
    found = problem(service.post("/api/import", CSV, RAW | {"Idempotency-Key": key}, status=400))
    assert found["code"] == "invalid_idempotency_key"


def test_of_many_at_the_same_instant_one_makes_the_import(service: Service) -> None:
    def send(_: int) -> Any:
        return service.upload(CSV, Idempotency_Key="monday", Prefer="respond-async").json[
            "import_id"
        ]

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(send, range(16)))
    assert len(ids) == 1
    assert [job.import_id for job in service.services.registry.unfinished()] == list(ids)
    assert len(service.kept()) == 2
