"""`GET /api/imports/{import_id}/report.csv`: every row of the file with what is wrong with it, to
be sent back."""

import csv
import gzip
import io
from typing import Any
from urllib.parse import urlencode

import pytest
from webtest import TestResponse

from glyphd.importing.report import ERROR, OK, UNREADABLE
from glyphd.storage.result_rows import RESULT_COLUMNS
from tests.importing.cases import CASES, TAKEN, send_case
from tests.service import Service, StartService, offers

ROW = "L4,2400,0.7,EU,Acme,2025-07-29"
MARKS = "_line,_status,_errors"
OF_THE_IMPORT = {"import_id", "import_index", "line", "first_seen_at", "imported_at"}
GOOD = [
    name
    for name in TAKEN
    if CASES[name].get("import", {}).get("status", "succeeded") == "succeeded"
    and not CASES[name].get("import", {}).get("errors")
    and not CASES[name].get("import", {}).get("dry_run")
]


def _report(service: Service, import_id: str) -> TestResponse:
    return service.http.get(f"/api/imports/{import_id}/report.csv")


def _report_of(service: Service, csv: str | bytes, query: str = "", **headers: str) -> str:
    """The text of the report on this file."""
    return str(_report(service, service.import_csv(csv, query, **headers)["import_id"]).text)


def _records(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def _lines(*lines: str) -> str:
    return "\r\n".join([*lines, ""])


@pytest.mark.every_way
def test_every_row_stands_in_it_in_order_with_what_is_wrong_with_it(service: Service) -> None:
    head = "Model,Price.USD,score,note,_mine"
    file = (
        f"{head}\n L4 "
        ',1,0.5,"a,\n""b""",x\n\nL4,$,,,\nL4,1\nL4,1,1,,,,\nL4,1,1,,,x\nL4,1,1,,\n,,,,\n'
    )
    assert _report_of(service, file) == _lines(
        f"{MARKS},{head}",
        '2,ok,,L4 ,1,0.5,"a,\n""b""",x',
        '5,error,"Price.USD: is not a decimal number; score: is required, but the cell is '
        'empty",L4,$,,,',
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
    _, good, found, _ = _records(_report_of(service, file))
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
    records = _records(_report(service, send_case(service, name).json["import_id"]).text)
    assert records[0][:3] == MARKS.split(",")
    assert records[-1][:2] == [line, UNREADABLE]
    assert why in records[-1][2]
    assert len(records[-1]) == 3
    assert all(record[1] == OK for record in records[1:-1])


@pytest.mark.every_way
def test_a_cell_mended_in_it_makes_it_succeed_when_it_is_sent_back(service: Service) -> None:
    failed = service.import_csv(offers(ROW, "H100,$30000,0.9,EU,Acme,2025-07-29"))
    assert failed["status"] == "failed"
    report = _report(service, failed["import_id"]).text
    mended = service.import_csv(report.replace("$30000", "30000"))
    assert (mended["status"], mended["record_count"]) == ("succeeded", 2)
    assert [
        (row["model"], row["price_usd"])
        for row in service.listings(f"?import_id={mended['import_id']}")
    ] == [
        ("L4", 2400.0),
        ("H100", 30000.0),
    ]


@pytest.mark.parametrize("query", ["", "?on_error=skip"])
def test_what_was_not_mended_is_refused_again_in_its_place(service: Service, query: str) -> None:
    file = offers(ROW, "L4,$,1,,,", 'L4,"1"x,1,,,', "L4,1", ROW)
    failed = service.import_csv(file, query)
    again = service.import_csv(_report(service, failed["import_id"]).text, query)
    assert (again["status"], again["record_count"]) == (failed["status"], failed["record_count"])
    assert (
        [error["line"] for error in again["errors"]]
        == [error["line"] for error in failed["errors"]]
        == [3, 4, 5]
    )


def test_one_of_a_file_that_is_unreadable_is_refused_as_a_whole(service: Service) -> None:
    again = service.import_csv(_report_of(service, offers(ROW, '"L4,1')))
    assert (again["status"], again["error_count"]) == ("failed", 1)


@pytest.mark.parametrize("name", GOOD)
def test_that_of_a_good_file_brings_the_same_rows(service: Service, name: str) -> None:
    import_id = send_case(service, name).json["import_id"]
    service.work()
    text = _report(service, import_id).text
    assert {record[1] for record in _records(text)[1:]} == {OK}
    asked = CASES[name].get("options", {})
    same = {option: asked[option] for option in ("map", "decimal") if option in asked}
    again = service.import_csv(text, f"?{urlencode({'on_error': 'skip', **same}, doseq=True)}")[
        "import_id"
    ]
    assert _rows(service, again) == _rows(service, import_id)


def _rows(service: Service, import_id: str) -> list[dict[str, Any]]:
    """What an import brought; of a row without a time that it has none."""
    received_at = service.status(import_id)["received_at"]
    rows = service.listings(
        f"?import_id={import_id}&fields={','.join(set(RESULT_COLUMNS) - OF_THE_IMPORT)}"
    )
    return [row | {"seen_at": None} if row["seen_at"] == received_at else row for row in rows]


def test_that_of_a_report_has_its_own_marks_alone(service: Service) -> None:
    file = offers(ROW, "L4,$,1,,,", 'L4,"1"x,1,,,')
    report = _report_of(service, file)
    assert _report_of(service, report) == report.replace(
        "has text after a closing quote", '"has 4 cells, the header has 9"'
    )


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
    found = list(csv.DictReader(io.StringIO(_report(service, import_id).text, newline="")))
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
    again = service.import_csv(_report(service, import_id).text)["import_id"]
    assert _rows(service, again) == _rows(service, import_id)


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
    found = _report_of(service, file, query, **headers)
    assert found == _lines(f"{MARKS},{offers().strip()}", "2,ok,,Größe,1,1,,,")


@pytest.mark.every_way
def test_it_has_all_errors_also_where_not_all_are_kept(start_service: StartService) -> None:
    service = start_service(max_row_errors=1)
    records = _records(_report_of(service, offers(*["L4,$,1,,,"] * 5)))
    assert [record[1] for record in records[1:]] == [ERROR] * 5


@pytest.mark.every_way
def test_it_needs_no_worker(service: Service) -> None:
    import_id = service.upload(offers(ROW)).json["import_id"]
    assert _report(service, import_id).text == _lines(f"{MARKS},{offers().strip()}", f"2,ok,,{ROW}")
    service.post(f"/api/imports/{import_id}/cancel", "", {})
    assert _report(service, import_id).status_code == 200


def test_it_is_a_csv_with_a_name(service: Service) -> None:
    import_id = service.upload(offers(ROW)).json["import_id"]
    answer = _report(service, import_id)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{import_id}.report.csv"'
    assert answer.headers["Content-Length"] == str(len(answer.body))


@pytest.mark.every_way
def test_who_has_it_already_gets_304(service: Service) -> None:
    import_id = service.import_csv(offers(ROW))["import_id"]
    etag = _report(service, import_id).headers["ETag"]
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
    etags = [_report(service, import_id).headers["ETag"] for import_id in imports]
    assert etags[0] == etags[1]
    assert len(set(etags)) == 5


def test_another_bound_for_seen_at_is_another_etag(service: Service) -> None:
    import_id = service.upload(offers("L4,1,1,,,2090-01-01")).json["import_id"]
    before = _report(service, import_id)
    service.alter(import_id, status="succeeded")
    after = _report(service, import_id)
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
