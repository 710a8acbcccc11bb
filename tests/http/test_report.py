"""`GET /api/imports/{import_id}/report.csv`: every row of the file with its errors, to be corrected
and sent back."""

import csv
import gzip
import io
from hashlib import sha256

import pytest

from glyphd.importing.report import ERROR, OK, UNREADABLE
from tests.http.reports import lines, records_in, report_answer, report_of, rows_brought
from tests.importing.cases import send_case
from tests.service import Service, StartService, offers

ROW = "L4,2400,0.7,EU,Acme,2025-07-29"
MARKS = "_line,_status,_errors"


@pytest.mark.every_way
def test_every_row_stands_in_it_in_order_with_what_is_wrong_with_it(service: Service) -> None:
    head = "Model,Price.USD,score,note,_mine"
    file = (
        f"{head}\n L4 "
        ',1,0.5,"a,\n""b""",x\n\nL4,$,,,\nL4,1\nL4,1,1,,,,\nL4,1,1,,,x\nL4,1,1,,\n,,,,\n'
    )
    assert report_of(service, file) == lines(
        f"{MARKS},{head}",
        '2,ok,,L4 ,1,0.5,"a,\n""b""",x',
        '5,error,"Price.USD: is not a decimal number; score: is required, but the cell has '
        'no value",L4,$,,,',
        '6,error,"has 2 cells, the header has 5",L4,1',
        "7,ok,,L4,1,1,,",
        '8,error,"has 6 cells, the header has 5",L4,1,1,,,x',
        "9,ok,,L4,1,1,,",
    )


@pytest.mark.parametrize(
    ("broken", "errors", "cells"),
    [
        (b"L4,1,1,E\0U,,", "contains a NUL character", ["L4", "1", "1", "E\ufffdU", "", ""]),
        (b"L4,1,1,E\xffU,,", "can't be decoded as utf-8", ["L4", "1", "1", "E\ufffdU", "", ""]),
        (b'"L4" x,1,1,"E,U",,', "has text after a closing quote", ['"L4" x,1,1,"E,U",,']),
        (b"L4\rx,1,1,,,", "has a carriage return", ["L4\rx,1,1,,,"]),
        (b'"a\nb"\rx,1,1,,,', "has a carriage return", []),
        (b"L4," + b"x" * 200_000, "has a cell of more than", ["L4," + "x" * 131_069]),
        (b"x" * 2_000_000, "is longer than 1048576 bytes", []),
    ],
    ids=[
        "NUL",
        "undecodable",
        "bad quoting",
        "stray return",
        "over two lines",
        "large cell",
        "long line",
    ],
)
def test_a_broken_row_has_the_cells_that_there_are(
    service: Service, broken: bytes, errors: str, cells: list[str]
) -> None:
    file = offers(ROW).encode() + broken + b"\n" + ROW.encode() + b"\n"
    _, good, found, _ = records_in(report_of(service, file))
    assert good == ["2", OK, "", *ROW.split(",")]
    assert found[:2] == ["3", ERROR]
    assert errors in found[2]
    assert found[3:] == cells


@pytest.mark.every_way
@pytest.mark.parametrize(
    ("name", "line", "why"),
    [
        (
            "quote_unclosed_skip",
            "3",
            "the quote opened in the record at line 3 is not closed properly",
        ),
        ("gzip_truncated", "", "the gzip data is damaged or truncated"),
        ("record_too_long", "3", "the record at line 3 is longer than"),
    ],
)
def test_where_the_file_can_not_be_read_on_the_last_row_says_why(
    service: Service, name: str, line: str, why: str
) -> None:
    records = records_in(report_answer(service, send_case(service, name).json["import_id"]).text)
    assert records[0][:3] == MARKS.split(",")
    assert records[-1][:2] == [line, UNREADABLE]
    assert why in records[-1][2]
    assert len(records[-1]) == 3
    assert all(record[1] == OK for record in records[1:-1])


@pytest.mark.every_way
@pytest.mark.parametrize("is_packed", [False, True], ids=["a quote is open", "gzip is cut off"])
def test_all_rows_before_the_place_that_can_not_be_read_are_there(
    service: Service, is_packed: bool
) -> None:
    count = 2500
    rows = [ROW.replace("2400", "x") if number % 1000 == 1 else ROW for number in range(count)]
    file, headers = offers(*rows).encode() + b'"' + ROW.encode(), {}
    if is_packed:
        more = [f"{sha256(b'%d' % number).hexdigest()},1,1,,," for number in range(3000)]
        file = gzip.compress(offers(*rows, *more).encode())[:-1000]
        headers = {"Content-Encoding": "gzip"}
    import_id = service.import_csv(file, "?on_error=skip", **headers)["import_id"]
    status = service.status(import_id)
    assert status["error"]["code"] == "unreadable_file"
    errors = [error for error in status["errors"] if error["code"] == "not_a_number"]
    assert [error["line"] for error in errors] == [3, 1003, 2003]
    assert status["rows_read"] >= count
    _, *found, last = records_in(report_answer(service, import_id).text)
    assert [record[3:] for record in found[:count]] == [row.split(",") for row in rows]
    assert last[1] == UNREADABLE


@pytest.mark.every_way
def test_rows_sent_as_json_have_the_canonical_columns(service: Service) -> None:
    rows = [
        {
            "model": "L4",
            "price": 1,
            "score": 1,
            "quantity": "Available",
            "nvlink": True,
            "note": "x",
        },
        {
            "model": "Größe",
            "price": 2.5,
            "score": 1,
            "heuristics": {"a": [1]},
            "seen_at": "2025-07-29",
        },
    ]
    import_id = service.http.post_json("/api/persist/listings", rows).json["import_id"]
    service.work()
    found = list(csv.DictReader(io.StringIO(report_answer(service, import_id).text, newline="")))
    assert [row["_line"] for row in found] == ["1", "2"]
    told = [
        {name: value for name, value in row.items() if value and not name.startswith("_")}
        for row in found
    ]
    assert told == [
        {"model": "L4", "price_usd": "1", "score": "1", "quantity": "Available", "nvlink": "true"}
        | {"extra": '{"note":"x"}'},
        {
            "model": "Größe",
            "price_usd": "2.5",
            "score": "1",
            "heuristics": '{"a":[1]}',
            "seen_at": "2025-07-29",
        },
    ]
    again = service.import_csv(report_answer(service, import_id).text)["import_id"]
    assert rows_brought(service, again) == rows_brought(service, import_id)


@pytest.mark.every_way
@pytest.mark.parametrize(
    ("file", "query", "headers"),
    [
        (offers("Größe,1,1,,,").encode("cp1252"), "?encoding=cp1252", {}),
        (offers("Größe,1,1,,,").replace(",", ";").encode(), "", {}),
        (gzip.compress(offers("Größe,1,1,,,").encode()), "", {"Content_Encoding": "gzip"}),
        (b"\xef\xbb\xbf" + offers("Größe,1,1,,,").encode(), "", {}),
    ],
    ids=["cp1252", "semicolons", "gzip", "BOM"],
)
def test_it_is_utf_8_with_commas_whatever_the_file_is(
    service: Service, file: bytes, query: str, headers: dict[str, str]
) -> None:
    found = report_of(service, file, query, **headers)
    assert found == lines(f"{MARKS},{offers().strip()}", "2,ok,,Größe,1,1,,,")


@pytest.mark.every_way
def test_it_has_all_errors_also_where_not_all_are_kept(start_service: StartService) -> None:
    service = start_service(max_row_errors=1)
    records = records_in(report_of(service, offers(*["L4,$,1,,,"] * 5)))
    assert [record[1] for record in records[1:]] == [ERROR] * 5


@pytest.mark.every_way
def test_it_needs_no_worker(service: Service) -> None:
    import_id = service.upload(offers(ROW)).json["import_id"]
    assert report_answer(service, import_id).text == lines(
        f"{MARKS},{offers().strip()}", f"2,ok,,{ROW}"
    )
    service.post(f"/api/imports/{import_id}/cancel", "", {})
    assert report_answer(service, import_id).status_code == 200


def test_it_is_a_csv_with_a_name(service: Service) -> None:
    import_id = service.upload(offers(ROW)).json["import_id"]
    answer = report_answer(service, import_id)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{import_id}.report.csv"'
    assert answer.headers["Content-Length"] == str(len(answer.body))


@pytest.mark.every_way
def test_who_has_it_already_gets_304(service: Service) -> None:
    import_id = service.import_csv(offers(ROW))["import_id"]
    etag = report_answer(service, import_id).headers["ETag"]
    path = f"/api/imports/{import_id}/report.csv"
    assert service.http.get(path, headers={"If-None-Match": etag}, status=304).body == b""


def test_its_etag_is_that_of_the_bytes_and_of_how_they_are_read(service: Service) -> None:
    left_out = "?map=:model;price_usd;score;x"
    queries = (
        "",
        "?source=x",
        "?delimiter=;&on_error=skip",
        "?encoding=cp1252",
        left_out,
        "?decimal=comma",
    )
    file = "model;price_usd;score;x,model,price_usd,score\nL4;1;1;x,L4,1,1\n"
    imports = [service.import_csv(file, query)["import_id"] for query in queries]
    etags = [report_answer(service, import_id).headers["ETag"] for import_id in imports]
    assert etags[0] == etags[1]
    assert len(set(etags)) == 5


def test_another_bound_for_seen_at_is_another_etag(service: Service) -> None:
    import_id = service.upload(offers("L4,1,1,,,2090-01-01")).json["import_id"]
    before = report_answer(service, import_id)
    service.alter(import_id, status="succeeded")
    after = report_answer(service, import_id)
    assert before.text != after.text
    assert before.headers["ETag"] != after.headers["ETag"]


@pytest.mark.every_way
def test_a_missing_file_is_told(service: Service) -> None:
    import_id = service.upload(offers(ROW)).json["import_id"]
    service.services.uploads.delete(f"{import_id}.csv")
    assert service.refusal(f"/api/imports/{import_id}/report.csv", 500)["code"] == "source_missing"


def test_an_unknown_import_is_404(service: Service) -> None:
    assert service.refusal("/api/imports/nobody/report.csv", 404)["code"] == "import_not_found"


def test_it_takes_no_parameters(service: Service) -> None:
    import_id = service.upload(offers(ROW)).json["import_id"]
    assert (
        service.refusal(f"/api/imports/{import_id}/report.csv?safe=true")["code"]
        == "unknown_parameter"
    )
