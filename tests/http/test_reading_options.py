"""How a file is read when its sender gives more information: in the same way everywhere, whoever
reads it again."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from glyphd.cli import main
from glyphd.db.archive_models import ImportBatch
from glyphd.settings import Settings
from glyphd.times import utc_text
from tests.http.forms import BOUNDARY, Part, Sent, form
from tests.service import Service, offers
from tests.spoiling import open_ledger

ODD = (
    "Offers of July;;;\r\n;;;\r\nCard;Price in "
    "$;Points;note\r\nL4;1.299,50;0,5;x\r\n;;;\r\nA40;1.100;0,25;\r\n"
)
ASKED = (
    "?map=model:Card&map=price_usd:price-in_$&map=score:Points"
    "&skip_lines=2&decimal=comma&delimiter=%3B"
)
KEPT = {
    "column_map": '["model:Card", "price_usd:price-in_$", "score:Points"]',
    "skip_lines": 2,
    "decimal": "comma",
}
JSON = {"Content-Type": "application/json"}


def _told(service: Service, import_id: str) -> list[dict[str, Any]]:
    return service.listings(f"?import_id={import_id}&fields=model,price_usd,score,line,extra")


@pytest.fixture
def odd(service: Service) -> dict[str, Any]:
    return service.import_csv(ODD, ASKED)


ROWS = [
    {"model": "L4", "price_usd": 1299.5, "score": 0.5, "line": 4, "extra": {"note": "x"}},
    {"model": "A40", "price_usd": 1100.0, "score": 0.25, "line": 6, "extra": None},
]


def test_the_options_are_kept_with_the_import(service: Service, odd: dict[str, Any]) -> None:
    assert (odd["status"], odd["blank_rows"], _told(service, odd["import_id"])) == (
        "succeeded",
        1,
        ROWS,
    )
    manifest = service.manifest(odd["import_id"])
    assert {name: manifest[name] for name in KEPT} == KEPT


def test_they_may_be_fields_of_a_form(service: Service) -> None:
    parts = [
        Part("map", b"model:Card"),
        Part("map", b"price_usd:Price in $"),
        Part("map", b"score:Points"),
        Part("skip_lines", b"2"),
        Part("decimal", b"comma"),
        Part("file", ODD.encode(), "odd.csv"),
    ]
    import_id = form(*parts).to(service, status=202).json["import_id"]
    service.work()
    assert _told(service, import_id) == ROWS


def test_the_report_reads_the_file_as_the_import_did(service: Service, odd: dict[str, Any]) -> None:
    text = service.http.get(f"/api/imports/{odd['import_id']}/report.csv").text
    records = list(csv.reader(io.StringIO(text, newline="")))
    assert [record[:2] for record in records] == [["_line", "_status"], ["4", "ok"], ["6", "ok"]]
    assert records[0][3:] == ["Card", "Price in $", "Points", "note"]


def test_the_source_of_a_row_is_proved_with_them(service: Service, odd: dict[str, Any]) -> None:
    first, _ = service.listings(f"?import_id={odd['import_id']}")
    answer = service.http.get(f"/api/listings/{first['listing_id']}/source")
    assert answer.body == b"L4;1.299,50;0,5;x\r\n"


def test_verify_and_rebuild_read_with_them(
    service: Service, odd: dict[str, Any], tmp_path: Path
) -> None:
    folder = ["--data-dir", str(service.settings.data_dir)]
    assert (
        CliRunner()
        .invoke(main, ["verify", "--all", *folder])
        .output.startswith("no difference: 1 kept file")
    )
    rebuilt = CliRunner().invoke(main, ["rebuild", "--into", str(tmp_path / "new.sqlite"), *folder])
    assert (rebuilt.exit_code, "1 import with 2 events" in rebuilt.output) == (0, True)


def test_a_retry_takes_them_over_unless_they_are_given(service: Service) -> None:
    failed = service.import_csv(ODD.replace("1.100", "$1"), ASKED)
    assert failed["status"] == "failed"
    path = f"/api/imports/{failed['import_id']}/retry"
    again = service.http.post(f"{path}?on_error=skip").json["import_id"]
    service.work()
    assert _told(service, again) == ROWS[:1]


def test_a_retry_with_another_map_is_read_anew(service: Service) -> None:
    failed = service.import_csv("model,price,score,Card\nA,x,1,L4\n", "?map=title:Card")
    answer = service.http.post(
        f"/api/imports/{failed['import_id']}/retry?on_error=skip&map=model:Card&map=:price",
        status=422,
    )
    assert answer.json["missing"] == ["price_usd"]


def test_they_are_part_of_what_an_idempotency_key_stands_for(service: Service) -> None:
    key = {"Idempotency_Key": "k"}
    first = service.upload(offers("L4,1,1,,,"), "?map=:region", **key).json["import_id"]
    assert service.upload(offers("L4,1,1,,,"), "?map=:region", **key).json["import_id"] == first
    for query in ("", "?map=:seller", "?map=:region&decimal=comma", "?map=:region&skip_lines=1"):
        headers = {"Content-Type": "text/csv", "Idempotency-Key": "k"}
        answer = service.post(f"/api/import{query}", offers("L4,1,1,,,"), headers, status=409)
        assert answer.json["import_id"] == first


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("map=prise_usd:Cost", "did you mean price_usd?"),
        ("map=model:A&map=model:B", "map=model:A, model:B: must name each column once"),
        (f"source={'x' * 201}", "must have at most 200 characters"),
        ("map=Cost", "price_usd:Retail Price"),
        ("map=model:", "price_usd:Retail Price"),
        ("map=model:A&map=canonical_model:B", "name each column once"),
        ("map=model:A&map=title:a", "name each column once"),
        ("skip_lines=101", "from 0 to 100"),
        ("skip_lines=-1", "from 0 to 100"),
        ("decimal=,", "'point' or 'comma'"),
    ],
)
def test_a_bad_option_is_refused_before_the_file_is_looked_at(
    service: Service, query: str, says: str
) -> None:
    answer = service.post(f"/api/import?{query}", "", {"Content-Type": "text/csv"}, status=400)
    assert answer.json["code"] == "invalid_parameter"
    assert says in answer.json["detail"]


def test_a_target_may_be_an_alias(service: Service) -> None:
    status = service.import_csv(
        "Card,Cost,Points\nL4,1,1\n",
        "?map=canonical_model:Card&map=Price:Cost&map=final_score:Points",
    )
    assert (status["status"], status["record_count"]) == ("succeeded", 1)


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ("attachment; filename*=UTF-8''na%C3%AFve.csv", "naïve.csv"),
        ("attachment; filename=plain.csv; filename*=utf-8'en'%E2%82%AC.csv", "€.csv"),
        ("attachment; filename*=ISO-8859-1''na%EFve.csv", "naïve.csv"),
        ("attachment; filename=plain.csv; filename*=UTF-8''%FF", "plain.csv"),
        ("attachment; filename=plain.csv; filename*=klingon''x", "plain.csv"),
        ("attachment; filename=\"a; filename*=utf-8''b.csv\"", "a; filename*=utf-8''b.csv"),
    ],
)
def test_a_raw_body_may_have_its_name_in_any_script(
    service: Service, disposition: str, name: str
) -> None:
    answer = service.upload(offers("L4,1,1,,,"), Content_Disposition=disposition)
    assert answer.json["filename"] == name


def _part(headers: str, data: bytes) -> Sent:
    body = f"--{BOUNDARY}\r\n{headers}\r\n\r\n".encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()
    return Sent(body, f"multipart/form-data; boundary={BOUNDARY}")


FILE = 'Content-Disposition: form-data; name="file"; filename="a.csv"'


def test_a_part_may_have_its_name_in_any_script(service: Service) -> None:
    sent = _part(f"{FILE}; filename*=UTF-8''na%C3%AFve.csv.gz", b"not gzip")
    assert sent.to(service, status=422).json["found"] == "bytes that are not gzip"
    sent = _part(f"{FILE}; filename*=UTF-8''na%C3%AFve.csv", offers("L4,1,1,,,").encode())
    assert sent.to(service, status=202).json["filename"] == "naïve.csv"


@pytest.mark.parametrize("encoding", ["quoted-printable", "BASE64", "x-uuencode"])
def test_a_part_in_another_transfer_encoding_is_refused(service: Service, encoding: str) -> None:
    data = b"model,price_usd,score,seller\r\nGX-160,100,0.5,Caf=C3=A9\r\n"
    answer = _part(f"{FILE}\r\nContent-Transfer-Encoding: {encoding}", data).to(service, status=415)
    assert answer.json["code"] == "unsupported_media_type"
    assert encoding.lower() in answer.json["detail"].lower()
    assert service.kept() == []


@pytest.mark.parametrize("encoding", ["binary", "8bit", "7BIT"])
def test_a_part_whose_bytes_are_the_files_is_taken(service: Service, encoding: str) -> None:
    _part(f"{FILE}\r\nContent-Transfer-Encoding: {encoding}", offers("L4,1,1,,,").encode()).to(
        service, status=202
    )


def test_the_charset_of_a_part_counts_too(service: Service) -> None:
    data = "model,price_usd,score,seller\nA,1,1,Café\n".encode("cp1252")
    import_id = (
        _part(f"{FILE}\r\nContent-Type: text/csv; charset=windows-1252", data)
        .to(service, status=202)
        .json["import_id"]
    )
    service.work()
    assert [row["seller"] for row in service.listings()] == ["Café"]
    assert service.status(import_id)["encoding"] == "cp1252"
    _part(f"{FILE}\r\nContent-Type: text/csv; charset=utf-16", data).to(service, status=415)


@pytest.mark.parametrize(
    "body",
    [
        '[{"model":"GX-50","model":"GX-51","price_usd":1,"score":1}]',
        '[{"model":"GX-50","price_usd":1,"score":1,"heuristics":{"a":[{"b":1,"b":2}]}}]',
        '[{"model":"GX-50","price_usd":1,"score":1,"note":{"b":1,"b":1}}]',
        '[{"model":"GX-50","price_usd":1,"score":1,"Model":"GX-51"}]',
    ],
    ids=["in the row", "in heuristics", "in an unknown column", "two spellings"],
)
def test_a_key_that_is_given_twice_is_an_error(service: Service, body: str) -> None:
    answer = service.post("/api/persist/listings", body, JSON, status=422)
    assert [error["code"] for error in answer.json["errors"]] == ["duplicate_column"]
    assert service.kept() == []


def test_a_boolean_is_no_quantity(service: Service) -> None:
    row = {"model": "GX-53", "price_usd": 1, "score": 1, "quantity": True}
    answer = service.post("/api/persist/listings", json.dumps([row]), JSON, status=422)
    assert [(error["field"], error["code"]) for error in answer.json["errors"]] == [
        ("quantity", "not_an_integer")
    ]
    assert service.kept() == []


def test_a_file_in_json_gives_no_key_twice(service: Service) -> None:
    answer = service.post("/api/import", '{"csv":"a","csv":"b"}', JSON, status=422)
    assert "twice" in answer.json["detail"]


def _future(hours: float) -> str:
    return utc_text(datetime.now(UTC) + timedelta(hours=hours))


def test_a_day_ahead_is_the_most(service: Service) -> None:
    early, late = _future(23.9), _future(24.1).replace("T", " ")
    status = service.import_csv(offers(f"L4,1,1,,,{early}", f"L4,1,1,,,{late}"), "?on_error=skip")
    (error,) = status["errors"]
    assert (error["line"], error["code"]) == (3, "in_the_future")
    assert error["value"] == late
    text = service.http.get(f"/api/imports/{status['import_id']}/report.csv").text
    assert [record[1] for record in csv.reader(io.StringIO(text, newline=""))][1:] == [
        "ok",
        "error",
    ]


def test_so_it_is_for_rows_as_json(service: Service) -> None:
    row = {"model": "L4", "price_usd": 1, "score": 1, "seen_at": _future(25)}
    answer = service.post("/api/persist/listings", json.dumps([row]), JSON, status=422)
    assert [error["code"] for error in answer.json["errors"]] == ["in_the_future"]


def test_an_archive_whose_clock_was_ahead_counts(sqlite_settings: Settings) -> None:
    """Rows that were imported under a wrong clock are not errors under the right clock, even when
    the file is read again."""
    for ledger in open_ledger(sqlite_settings):
        ledger.import_csv(offers("L4,1,1,,,"))
        ledger.change(ImportBatch.update(imported_at=_future(24 * 30)))
        status = ledger.import_csv(offers(f"A40,1,1,,,{_future(24 * 30)}"))
        assert status["status"] == "succeeded"
        text = ledger.http.get(f"/api/imports/{status['import_id']}/report.csv").text
        assert text.splitlines()[1].split(",")[1] == "ok"
        listing_id = ledger.listings("?model=A40")[0]["listing_id"]
        assert ledger.http.get(f"/api/listings/{listing_id}/source").status_code == 200
