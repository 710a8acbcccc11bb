"""`GET /api/imports/{import_id}/errors`: the row errors of one import."""

import csv
import io
import json

import pytest

from glyphd.contracts.row_errors import ERROR_FIELDS
from tests.service import Service, StartService, next_page, offers

BAD_ROWS = [f"L4,${number},1,,,2025-01-01" for number in range(25)]
BROKEN = offers(*BAD_ROWS[:3], "L4,1,1,,,2025-01-01", *BAD_ROWS[3:])


@pytest.fixture(scope="module")
def failed(shared_service: Service) -> str:
    """The path of the errors of an import with 25 of them."""
    path: str = shared_service.import_csv(BROKEN)["links"]["errors"]
    return path


def test_it_lists_all_of_them_in_file_order(shared_service: Service, failed: str) -> None:
    errors = shared_service.http.get(failed).json
    assert [error["value"] for error in errors] == [f"${number}" for number in range(25)]
    assert [error["line"] for error in errors] == [2, 3, 4, *range(6, 28)]


def test_an_error_has_the_documented_members(shared_service: Service, failed: str) -> None:
    assert list(shared_service.http.get(failed).json[0]) == [
        "row",
        "line",
        "field",
        "column",
        "code",
        "message",
        "value",
    ]


@pytest.mark.every_way
def test_a_column_is_called_as_the_file_calls_it(service: Service) -> None:
    path = service.import_csv("Model,Price,Final-Score\nL4,$,1\n")["links"]["errors"]
    error = service.http.get(path).json[0]
    assert (error["field"], error["column"]) == ("price_usd", "Price")


def test_a_value_is_cut_at_200_characters(service: Service) -> None:
    path = service.import_csv(offers(f"L4,{'9x' * 200},1,,,2025-01-01"))["links"]["errors"]
    assert service.http.get(path).json[0]["value"] == "9x" * 100


def test_a_line_is_the_physical_one_where_the_record_starts(service: Service) -> None:
    path = service.import_csv(offers('"A\n\nB",1,1,,,2025-01-01', "L4,$,1,,,2025-01-01"))["links"][
        "errors"
    ]
    assert [(error["row"], error["line"]) for error in service.http.get(path).json] == [(2, 5)]


@pytest.mark.every_way
def test_skipped_rows_have_errors_too(service: Service) -> None:
    path = service.import_csv(BROKEN, "?on_error=skip")["links"]["errors"]
    assert len(service.http.get(path).json) == 25


@pytest.mark.every_way
def test_an_import_without_errors_has_an_empty_list(service: Service) -> None:
    path = service.import_csv(offers("L4,1,1,,,2025-01-01"))["links"]["errors"]
    assert service.http.get(path).json == []
    assert service.http.get(f"{path}?format=csv").text == ",".join(ERROR_FIELDS) + "\r\n"


@pytest.mark.every_way
def test_a_queued_import_has_an_empty_list(service: Service) -> None:
    path = service.upload(BROKEN).json["links"]["errors"]
    assert service.http.get(path).json == []


@pytest.mark.parametrize("limit", [1, 7, 24, 25, 26])
def test_walking_the_pages_gives_every_error_once(
    shared_service: Service, failed: str, limit: int
) -> None:
    assert shared_service.walk(f"{failed}?limit={limit}") == shared_service.http.get(failed).json


def test_a_cursor_of_another_import_is_refused(shared_service: Service, failed: str) -> None:
    link = next_page(shared_service.http.get(f"{failed}?limit=5"))
    other = shared_service.import_csv(BROKEN)["links"]["errors"]
    assert shared_service.refusal(link.replace(failed, other))["code"] == "invalid_cursor"


def test_it_can_be_had_as_csv(shared_service: Service, failed: str) -> None:
    answer = shared_service.http.get(failed, headers={"Accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["row"], row["code"], row["value"]) for row in rows][:2] == [
        ("1", "not_a_number", "$0"),
        ("2", "not_a_number", "$1"),
    ]


def test_it_can_be_had_as_lines_of_json(shared_service: Service, failed: str) -> None:
    lines = shared_service.http.get(f"{failed}?format=ndjson").text.splitlines()
    assert [json.loads(line) for line in lines] == shared_service.http.get(failed).json


@pytest.mark.every_way
def test_beyond_a_cap_errors_are_counted_and_not_kept(start_service: StartService) -> None:
    service = start_service(max_row_errors=10)
    status = service.import_csv(BROKEN)
    assert (status["error_count"], status["errors_truncated"]) == (25, True)
    assert status["error_summary"][0]["count"] == 25
    assert len(service.http.get(status["links"]["errors"]).json) == 10


def test_below_the_cap_nothing_is_truncated(start_service: StartService) -> None:
    assert start_service(max_row_errors=25).import_csv(BROKEN)["errors_truncated"] is False


def test_an_unknown_import_is_404(service: Service) -> None:
    assert service.refusal("/api/imports/nobody/errors", 404)["code"] == "import_not_found"


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "row=1", "offset=1"])
def test_what_it_does_not_know_is_refused(shared_service: Service, failed: str, query: str) -> None:
    assert shared_service.refusal(f"{failed}?{query}")["parameter"] == query.partition("=")[0]
