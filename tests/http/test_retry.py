"""`POST /api/imports/{import_id}/retry`: imports the kept file again, or for real after a dry
run."""

from typing import Any

import pytest

from tests.service import Service, offers, problem

pytestmark = pytest.mark.every_way

BAD_ROW = offers("RTX_A6000,x,0.9,USA,Acme,", "RTX_A6000,4500,0.9,USA,Acme,")
GOOD = offers("RTX_A6000,4500,0.9,USA,Acme,")


def _retry(service: Service, import_id: str, query: str = "", **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return service.http.post(f"/api/imports/{import_id}/retry{query}", headers=named)


def test_a_failed_import_runs_again_with_other_options(service: Service) -> None:
    failed = service.import_csv(BAD_ROW, "?source=perplexity")
    answer = _retry(service, failed["import_id"], "?on_error=skip")
    service.work()
    again = service.status(answer.json["import_id"])
    assert (answer.status_code, answer.headers["Location"]) == (
        202,
        f"/api/imports/{again['import_id']}",
    )
    assert (again["status"], again["record_count"], again["replaces"]) == (
        "succeeded",
        1,
        failed["import_id"],
    )
    assert (again["source"], again["on_error"]) == ("perplexity", "skip")


def test_a_retry_is_of_the_same_upload(service: Service) -> None:
    failed = service.import_csv(BAD_ROW)
    again = _retry(service, failed["import_id"]).json
    same = ("sha256", "size_bytes", "received_at", "filename")
    assert [again[name] for name in same] == [failed[name] for name in same]
    assert service.http.get(again["links"]["file"]).body == BAD_ROW.encode()


def test_a_cancelled_import_can_be_retried(service: Service) -> None:
    import_id = service.upload(GOOD).json["import_id"]
    service.http.post(f"/api/imports/{import_id}/cancel")
    again = _retry(service, import_id).json["import_id"]
    service.work()
    assert service.status(again)["status"] == "succeeded"


def test_rows_without_a_time_keep_that_of_the_upload(service: Service) -> None:
    failed = service.import_csv(BAD_ROW)
    again = _retry(service, failed["import_id"], "?on_error=skip").json["import_id"]
    service.work()
    assert service.listings(f"?import_id={again}")[0]["seen_at"] == failed["received_at"]


def test_a_retry_with_a_key_is_made_once(service: Service) -> None:
    failed = service.import_csv(BAD_ROW)
    first = _retry(service, failed["import_id"], Idempotency_Key="again").json
    second = _retry(service, failed["import_id"], Idempotency_Key="again")
    assert (second.json["import_id"], second.headers["Idempotent-Replayed"]) == (
        first["import_id"],
        "true",
    )


def test_a_default_that_is_given_makes_another_retry(service: Service) -> None:
    failed = service.import_csv(BAD_ROW, "?on_error=abort&decimal=comma")["import_id"]
    first = _retry(service, failed, Idempotency_Key="again").json["import_id"]
    path, key = f"/api/imports/{failed}/retry", {"Idempotency-Key": "again"}
    for query in ("decimal=point", "on_error=abort", "dry_run=false"):
        found = problem(service.http.post(f"{path}?{query}", headers=key, status=409))
        assert (found["import_id"], found["differs"]) == (first, [query.partition("=")[0]])


def test_a_dry_run_is_run_for_real_without_the_file_being_sent_again(service: Service) -> None:
    checked = service.import_csv(GOOD, "?dry_run=true&source=perplexity")
    again = _retry(service, checked["import_id"]).json["import_id"]
    service.work()
    status = service.status(again)
    assert (status["status"], status["record_count"], status["dry_run"]) == ("succeeded", 1, False)
    assert (status["source"], status["replaces"]) == ("perplexity", None)
    assert [row["import_id"] for row in service.listings()] == [again]


def test_an_import_and_the_dry_run_before_it_are_of_one_upload(service: Service) -> None:
    checked = service.import_csv(GOOD, "?dry_run=true")["import_id"]
    again = _retry(service, checked, "?dry_run=true").json["import_id"]
    service.work()
    for_real = _retry(service, again).json["import_id"]
    service.work()
    assert {service.status(each)["upload_id"] for each in (checked, again, for_real)} == {checked}
    assert service.status(for_real)["received_at"] == service.status(checked)["received_at"]
    of_these_bytes = service.http.get(
        f"/api/imports?sha256={service.status(checked)['sha256']}"
    ).json
    assert [each["import_id"] for each in of_these_bytes] == [for_real, again, checked]


def test_a_dry_run_may_be_repeated_with_other_options(service: Service) -> None:
    checked = service.import_csv(GOOD, "?dry_run=true")["import_id"]
    again = _retry(service, checked, "?dry_run=true&on_error=skip").json["import_id"]
    service.work()
    assert (service.status(again)["dry_run"], service.status(again)["on_error"]) == (True, "skip")
    assert service.listings() == []


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("dry_run=true&skip_lines=1&map=seller:Shop", "application/x-www-form-urlencoded"),
        ('{"dry_run": true, "skip_lines": 1.0, "map": ["seller:Shop"]}', "application/json"),
    ],
)
def test_options_of_a_retry_may_be_in_its_body(
    service: Service, body: str, content_type: str
) -> None:
    csv = "model,price_usd,score\nmodel,price_usd,score,Shop\nL4,2400,0.9,Acme\n"
    failed = service.import_csv(csv)["import_id"]
    service.post(f"/api/imports/{failed}/retry?source=daily", body, {"Content-Type": content_type})
    service.work()
    found = service.http.get("/api/imports?limit=1").json[0]
    assert (found["dry_run"], found["source"], found["replaces"]) == (True, "daily", failed)
    assert (found["status"], found["summary"]["sellers"]) == ("succeeded", 1)


def test_a_retry_with_a_body_that_is_not_understood_starts_nothing(service: Service) -> None:
    failed = service.import_csv(BAD_ROW)["import_id"]
    for body, status in (("dry_run=maybe", 400), ("dryrun=true", 400)):
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        service.post(f"/api/imports/{failed}/retry", body, form, status=status)
    service.post(f"/api/imports/{failed}/retry", "x", {"Content-Type": "text/csv"}, status=415)
    assert len(service.http.get("/api/imports").json) == 1


@pytest.mark.parametrize(("query", "is_dry"), [("", True), ("?dry_run=false&on_error=skip", False)])
def test_a_dry_run_that_failed_stays_one_unless_asked_otherwise(
    service: Service, query: str, is_dry: bool
) -> None:
    failed = service.import_csv(BAD_ROW, "?dry_run=true")["import_id"]
    again = _retry(service, failed, query).json["import_id"]
    service.work()
    status = service.status(again)
    assert (status["dry_run"], status["replaces"]) == (is_dry, failed)
    assert len(service.listings()) == (not is_dry)


def test_a_dry_run_that_has_not_ended_can_not_be_retried(service: Service) -> None:
    import_id = service.upload(GOOD, "?dry_run=true").json["import_id"]
    answer = service.http.post(f"/api/imports/{import_id}/retry", status=409)
    assert problem(answer)["code"] == "import_not_retryable"


@pytest.mark.parametrize("ends", [True, False])
def test_an_import_that_has_not_failed_can_not_be_retried(service: Service, ends: bool) -> None:
    import_id = service.upload(GOOD).json["import_id"]
    if ends:
        service.work()
    answer = service.http.post(f"/api/imports/{import_id}/retry", status=409)
    assert problem(answer)["code"] == "import_not_retryable"


def test_options_that_the_file_can_not_bear_are_refused_at_the_door(service: Service) -> None:
    failed = service.import_csv(BAD_ROW)
    answer = service.http.post(
        f"/api/imports/{failed['import_id']}/retry?delimiter=tab", status=422
    )
    assert problem(answer)["code"] == "file_refused"


def test_an_unknown_import_is_not_found(service: Service) -> None:
    assert (
        problem(service.http.post("/api/imports/nobody/retry", status=404))["code"]
        == "import_not_found"
    )
