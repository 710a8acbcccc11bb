"""`POST /api/import`: a CSV in any form becomes an import."""

import gzip
import json
from hashlib import sha256

import pytest

from tests.http.forms import Part, Sent, every_form, form
from tests.service import Service, offers

CSV = offers(
    "RTX_A6000,4500,0.9,USA,Acme,2025-07-29T12:00:00Z",
    "L4,2400.5,0.7,EU,Zebra,2025-07-29T13:00:00Z",
).encode()
PACKED = gzip.compress(CSV, mtime=0)
EVERY_FORM = every_form(CSV)
PATHS = ("/api/import", "/api/listings/import")


@pytest.mark.parametrize("sent", EVERY_FORM.values(), ids=EVERY_FORM.keys())
def test_every_form_brings_the_same_rows(service: Service, sent: Sent) -> None:
    import_id = sent.to(service, status=202).json["import_id"]
    service.work()
    rows = service.listings(f"?import_id={import_id}")
    assert [(row["model"], row["price_usd"], row["line"]) for row in rows] == [
        ("RTX_A6000", 4500.0, 2),
        ("L4", 2400.5, 3),
    ]


@pytest.mark.every_way
@pytest.mark.parametrize("sent", EVERY_FORM.values(), ids=EVERY_FORM.keys())
def test_the_bytes_are_kept_as_they_were_received(service: Service, sent: Sent) -> None:
    status = sent.to(service, status=202).json
    is_packed = status["content_encoding"] == "gzip"
    kept = service.kept_bytes(f"{status['import_id']}.csv{'.gz' if is_packed else ''}")
    assert kept == (PACKED if is_packed else CSV)
    assert (status["size_bytes"], status["sha256"]) == (len(kept), sha256(kept).hexdigest())


@pytest.mark.parametrize("path", PATHS)
def test_the_answer_says_where_the_import_is_found(service: Service, path: str) -> None:
    answer = service.post(path, CSV, {"Content-Type": "text/csv"}, status=202)
    assert answer.headers["Location"] == f"/api/imports/{answer.json['import_id']}"
    assert answer.headers["Retry-After"] == "1"
    assert answer.json["status"] == "queued"


def test_the_answer_is_the_status_of_the_import(service: Service) -> None:
    answer = service.upload(CSV)
    assert answer.json == service.status(answer.json["import_id"])


def test_every_call_is_an_import_of_its_own(service: Service) -> None:
    assert service.upload(CSV).json["import_id"] != service.upload(CSV).json["import_id"]


@pytest.mark.every_way
def test_a_manifest_lies_beside_the_upload(service: Service) -> None:
    status = service.upload(
        CSV, "?source=perplexity&description=July&filename=f.csv&on_error=skip"
    ).json
    manifest = service.manifest(status["import_id"])
    told = (
        "import_id",
        "source",
        "description",
        "filename",
        "on_error",
        "sha256",
        "size_bytes",
        "received_at",
    )
    assert {name: manifest[name] for name in told} == {name: status[name] for name in told}
    assert service.kept() == sorted([f"{status['import_id']}.csv", f"{status['import_id']}.json"])


@pytest.mark.every_way
def test_the_json_form_keeps_the_text_as_utf_8(service: Service) -> None:
    csv = offers("Größe,1,0.5,EU,Škoda,2025-01-01")
    import_id = service.http.post_json("/api/import", {"csv": csv}).json["import_id"]
    assert service.kept_bytes(f"{import_id}.csv") == csv.encode()


@pytest.mark.parametrize(
    "sent",
    [
        EVERY_FORM["multipart"],
        EVERY_FORM["JSON"],
        Sent(CSV, "text/csv", {"Content-Disposition": 'attachment; filename="offers.csv"'}),
    ],
    ids=["multipart", "JSON", "Content-Disposition"],
)
def test_the_name_comes_with_the_file(service: Service, sent: Sent) -> None:
    assert sent.to(service).json["filename"] == "offers.csv"


@pytest.mark.parametrize("charset", ["utf-8", "latin-1"])
def test_a_name_in_a_form_may_be_utf_8_or_latin_1(service: Service, charset: str) -> None:
    sent = form(Part("file", CSV, "Größe à.csv"), Part("source", "é".encode()))
    body = sent.body.replace("Größe à.csv".encode(), "Größe à.csv".encode(charset))
    found = Sent(body, sent.content_type).to(service).json
    assert (found["filename"], found["source"]) == ("Größe à.csv", "é")


def test_a_raw_body_has_its_name_in_the_query(service: Service) -> None:
    assert (
        service.upload(CSV, "?filename=Angebote%20%C3%BC.csv").json["filename"] == "Angebote ü.csv"
    )


@pytest.mark.every_way
def test_a_raw_body_named_gz_is_unpacked(service: Service) -> None:
    assert service.import_csv(PACKED, "?filename=offers.csv.gz")["record_count"] == 2


def test_a_name_is_data_and_never_a_path(service: Service) -> None:
    status = form(Part("file", CSV, "../../etc/offers.csv")).to(service, status=202).json
    assert status["filename"].endswith("offers.csv")
    assert service.kept() == sorted([f"{status['import_id']}.csv", f"{status['import_id']}.json"])


def test_source_and_description_stay_on_the_import(service: Service) -> None:
    status = service.import_csv(CSV, "?source=perplexity&description=Two%20rows")
    assert (status["source"], status["description"]) == ("perplexity", "Two rows")


@pytest.mark.parametrize("first", ["fields", "file"])
def test_options_may_be_form_fields_before_or_after_the_file(service: Service, first: str) -> None:
    fields = [Part("source", b"perplexity"), Part("dry_run", b"true")]
    file = Part("file", CSV, "offers.csv")
    sent = form(*fields, file) if first == "fields" else form(file, *fields)
    status = sent.to(service).json
    assert (status["source"], status["dry_run"]) == ("perplexity", True)


def test_options_of_query_and_form_add_up(service: Service) -> None:
    sent = form(Part("source", b"perplexity"), Part("file", CSV))
    status = sent.to(service, "/api/import?on_error=skip").json
    assert (status["source"], status["on_error"]) == ("perplexity", "skip")


def test_an_empty_option_is_as_if_absent(service: Service) -> None:
    status = service.upload(CSV, "?source=&delimiter=&dry_run=").json
    assert (status["source"], status["delimiter"], status["dry_run"]) == (None, ",", False)


@pytest.mark.parametrize(("name", "character"), [(",", ","), (";", ";"), ("tab", "\t"), ("|", "|")])
def test_the_delimiter_is_found_out_and_recorded(
    service: Service, name: str, character: str
) -> None:
    status = service.import_csv(CSV.replace(b",", character.encode()))
    assert (status["delimiter"], status["record_count"]) == (name, 2)


def test_the_delimiter_may_be_given(service: Service) -> None:
    status = service.import_csv(CSV.replace(b",", b";"), "?delimiter=%3B")
    assert (status["delimiter"], status["record_count"]) == (";", 2)


def test_an_encoding_is_used_when_it_is_given(service: Service) -> None:
    csv = offers("Größe,1,0.5,EU,Acme,2025-01-01").encode("latin-1")
    status = service.import_csv(csv, "?encoding=latin-1")
    assert (status["encoding"], status["first_model"]) == ("iso8859-1", "Größe")


@pytest.mark.every_way
def test_a_dry_run_writes_nothing(service: Service) -> None:
    status = service.import_csv(CSV, "?dry_run=true")
    assert (status["status"], status["record_count"], status["first_model"]) == (
        "succeeded",
        2,
        None,
    )
    assert service.listings(f"?import_id={status['import_id']}") == service.listings() == []


@pytest.mark.every_way
def test_one_bad_row_fails_the_import(service: Service) -> None:
    status = service.import_csv(CSV + b"L40S,$99,0.5,EU,Acme,2025-01-01\n")
    assert (status["status"], status["error"]["code"], status["record_count"]) == (
        "failed",
        "invalid_rows",
        0,
    )
    assert service.listings() == []


@pytest.mark.every_way
def test_a_bad_row_may_be_skipped(service: Service) -> None:
    status = service.import_csv(CSV + b"L40S,$99,0.5,EU,Acme,2025-01-01\n", "?on_error=skip")
    assert (status["status"], status["record_count"], status["error_count"]) == ("succeeded", 2, 1)


@pytest.mark.every_way
def test_a_skipped_row_leaves_its_number_free(service: Service) -> None:
    rows = ("A,1,1,,,2025-01-01", "B,$1,1,,,2025-01-01", "C,1,1,,,2025-01-01")
    status = service.import_csv(offers(*rows), "?on_error=skip")
    found = service.listings(f"?import_id={status['import_id']}")
    assert [(row["model"], row["import_index"], row["line"]) for row in found] == [
        ("A", 1, 2),
        ("C", 3, 4),
    ]


@pytest.mark.every_way
def test_the_same_bytes_are_recognised(service: Service) -> None:
    first = service.import_csv(CSV)
    assert first["same_content_as"] is None
    second = service.import_csv(CSV)
    assert second["same_content_as"] == first["import_id"]
    assert service.upload(CSV).json["same_content_as"] == second["import_id"]


def test_a_dry_run_is_no_earlier_import(service: Service) -> None:
    service.import_csv(CSV, "?dry_run=true")
    assert service.upload(CSV).json["same_content_as"] is None


@pytest.mark.every_way
def test_a_failed_import_is_no_earlier_import(service: Service) -> None:
    broken = CSV.replace(b"2400.5", b"$2400")
    assert service.import_csv(broken)["status"] == "failed"
    assert service.upload(broken).json["same_content_as"] is None


def test_same_content_is_not_the_same_text_in_another_form(service: Service) -> None:
    service.import_csv(CSV)
    assert service.upload(PACKED, Content_Encoding="gzip").json["same_content_as"] is None


@pytest.mark.every_way
def test_a_time_that_is_missing_is_the_one_of_receipt(service: Service) -> None:
    status = service.import_csv("model,price_usd,score\nL4,1,0.5\n")
    assert service.listings()[0]["seen_at"] == status["received_at"]


def test_the_manifest_is_utf_8(service: Service) -> None:
    import_id = service.upload(CSV, "?source=%C3%9Cber").json["import_id"]
    raw = service.kept_bytes(f"{import_id}.json").decode("utf-8")
    assert json.loads(raw)["source"] == "Über"
