"""A report is sent back, unchanged or corrected: it is read like the file it is about."""

from urllib.parse import urlencode

import pytest

from glyphd.importing.report import OK
from tests.http.reports import records_in, report_answer, report_of, rows_brought
from tests.importing.cases import CASES, TAKEN, send_case
from tests.service import Service, offers

ROW = "L4,2400,0.7,EU,Acme,2025-07-29"
GOOD = [
    name
    for name in TAKEN
    if CASES[name].get("import", {}).get("status", "succeeded") == "succeeded"
    and not CASES[name].get("import", {}).get("errors")
    and not CASES[name].get("import", {}).get("dry_run")
]


@pytest.mark.every_way
def test_a_cell_mended_in_it_makes_it_succeed_when_it_is_sent_back(service: Service) -> None:
    failed = service.import_csv(offers(ROW, "H100,$30000,0.9,EU,Acme,2025-07-29"))
    assert failed["status"] == "failed"
    report = report_answer(service, failed["import_id"]).text
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
    again = service.import_csv(report_answer(service, failed["import_id"]).text, query)
    assert (again["status"], again["record_count"]) == (failed["status"], failed["record_count"])
    assert (
        [error["line"] for error in again["errors"]]
        == [error["line"] for error in failed["errors"]]
        == [3, 4, 5]
    )


def test_one_of_a_file_that_is_unreadable_is_refused_as_a_whole(service: Service) -> None:
    again = service.import_csv(report_of(service, offers(ROW, '"L4,1')))
    assert (again["status"], again["error_count"]) == ("failed", 1)


@pytest.mark.parametrize("name", GOOD)
def test_that_of_a_good_file_brings_the_samerows_brought(service: Service, name: str) -> None:
    import_id = send_case(service, name).json["import_id"]
    service.work()
    text = report_answer(service, import_id).text
    assert {record[1] for record in records_in(text)[1:]} == {OK}
    asked = CASES[name].get("options", {})
    same = {option: asked[option] for option in ("map", "decimal") if option in asked}
    again = service.import_csv(text, f"?{urlencode({'on_error': 'skip', **same}, doseq=True)}")[
        "import_id"
    ]
    assert rows_brought(service, again) == rows_brought(service, import_id)


def test_that_of_a_report_has_its_own_marks_alone(service: Service) -> None:
    file = offers(ROW, "L4,$,1,,,", 'L4,"1"x,1,,,')
    report = report_of(service, file)
    assert report_of(service, report) == report.replace(
        "has text after a closing quote", '"has 4 cells, the header has 9"'
    )
