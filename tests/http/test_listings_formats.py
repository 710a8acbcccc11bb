"""`GET /api/listings`: JSON, CSV and NDJSON, and which columns."""

import csv
import io
import json
from typing import Any

import pytest

from glyphd.listings.computed_columns import LISTED_COLUMNS
from glyphd.storage.result_rows import RESULT_COLUMNS
from tests.http.conftest import Market
from tests.service import Service, offers

JSON, CSV, NDJSON = "application/json", "text/csv", "application/x-ndjson"
PARQUET = "application/vnd.apache.parquet"
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)"]
HEURISTICS = [
    {"a": [1, 2.5, None]},
    ["x"],
    "text",
    "5",
    "null",
    "[1]",
    "5 % off",
    5,
    0.1,
    True,
    {"ü": '"\n,;'},
    "\\",
    None,
]


def _csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize(
    ("name", "content_type"), [("json", JSON), ("csv", CSV), ("ndjson", NDJSON)]
)
def test_the_format_may_be_named(market: Market, name: str, content_type: str) -> None:
    answer = market.service.http.get(
        f"/api/listings?format={name}", headers={"Accept": "image/png"}
    )
    assert answer.content_type == content_type


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (CSV, CSV),
        ("text/*", CSV),
        ("TEXT/CSV; charset=utf-8", CSV),
        (NDJSON, NDJSON),
        ("text/html, application/xhtml+xml, */*;q=0.8", JSON),
        ("text/csv;q=0.5, application/x-ndjson", NDJSON),
        ("application/json;q=0.1, text/csv;q=0.2", CSV),
        ("application/json;q=0, text/csv", CSV),
        ("application/json;q=0, */*", CSV),
        ("text/csv;q=much, application/json", JSON),
    ],
)
def test_else_the_accept_header_decides(market: Market, accept: str, content_type: str) -> None:
    answer = market.service.http.get("/api/listings", headers={"Accept": accept})
    assert (answer.content_type, answer.headers["Vary"]) == (
        content_type,
        "Accept, Accept-Encoding",
    )


@pytest.mark.parametrize(
    "accept", ["image/png", "application/json;q=0", "application/xml, text/html"]
)
def test_what_it_can_not_be_had_as_is_406(market: Market, accept: str) -> None:
    answer = market.service.http.get("/api/listings", headers={"Accept": accept}, status=406)
    assert (answer.json["code"], answer.json["offered"]) == (
        "not_acceptable",
        [JSON, CSV, NDJSON, PARQUET],
    )


def test_all_formats_say_the_same(market: Market) -> None:
    rows = market.service.listings()
    lines = market.service.http.get("/api/listings?format=ndjson").text.splitlines()
    cells = _csv(market.service.http.get("/api/listings?format=csv").text)
    assert [json.loads(line) for line in lines] == rows
    assert [(row["model"], float(row["price_usd"]), row["listing_id"]) for row in cells] == [
        (row["model"], row["price_usd"], row["listing_id"]) for row in rows
    ]


@pytest.mark.parametrize("name", ["json", "csv", "ndjson"])
def test_a_page_comes_in_every_format(market: Market, name: str) -> None:
    answer = market.service.http.get(f"/api/listings?format={name}&limit=2")
    assert f"format={name}" in answer.headers["Link"]
    assert answer.text.count("RTX") + answer.text.count("rtx") == 1


@pytest.mark.parametrize(
    ("name", "text"), [("json", "[]"), ("ndjson", ""), ("csv", "model,score\r\n")]
)
def test_nothing_in_every_format(market: Market, name: str, text: str) -> None:
    answer = market.service.http.get(f"/api/listings?model=none&fields=model,score&format={name}")
    assert answer.text == text


def test_csv_has_all_columns_in_the_order_of_the_contract(market: Market) -> None:
    header = market.service.http.get("/api/listings?format=csv").text.split("\r\n")[0]
    assert tuple(header.split(",")) == RESULT_COLUMNS


def test_csv_lines_end_as_rfc_4180_has_it_and_null_is_empty(market: Market) -> None:
    answer = market.service.http.get(
        "/api/listings?format=csv&fields=model,seller,price_usd&model=l40s"
    )
    assert answer.body == b"model,seller,price_usd\r\nL40S,,7000.0\r\n"


def test_fields_are_answered_in_the_order_asked_for(market: Market) -> None:
    rows = market.service.listings("?fields=score,import_index,%20model&model=L4")
    assert [list(row.items()) for row in rows] == [
        [("score", 0.7), ("import_index", 3), ("model", "L4")]
    ]


@pytest.mark.parametrize("query", ["", "&limit=10", "&safe=true"])
def test_excel_gets_its_byte_order_mark(market: Market, query: str) -> None:
    path = f"/api/listings?format=csv{query}"
    plain, marked = market.service.http.get(path), market.service.http.get(f"{path}&bom=true")
    assert marked.body == b"\xef\xbb\xbf" + plain.body


def test_what_has_a_mark_comes_in_again(service: Service) -> None:
    service.import_csv(offers("Größe,1,1,EU,Acme,2025-01-01"))
    marked = service.http.get("/api/listings?format=csv&bom=true").body
    assert service.import_csv(marked)["record_count"] == 1


@pytest.mark.parametrize("name", ["json", "ndjson"])
def test_a_mark_is_for_csv_alone(market: Market, name: str) -> None:
    paths = (f"/api/listings?format={name}{query}" for query in ("", "&bom=true"))
    plain, asked = (market.service.http.get(path).body for path in paths)
    assert plain == asked


def test_a_field_asked_for_twice_comes_once(market: Market) -> None:
    assert market.service.listings("?fields=model,model&model=L4") == [{"model": "L4"}]


@pytest.mark.parametrize("column", RESULT_COLUMNS)
def test_every_column_can_be_had_alone(market: Market, column: str) -> None:
    whole = market.service.listings()
    assert market.service.listings(f"?fields={column}") == [{column: row[column]} for row in whole]


@pytest.mark.parametrize(
    "fields", ["model,nothing", "byte_offset", "is_current", "id", "model,,score"]
)
def test_an_unknown_field_is_refused_with_the_list(market: Market, fields: str) -> None:
    found = market.refusal(f"fields={fields}")
    assert (found["code"], found["parameter"]) == ("invalid_parameter", "fields")
    assert found["allowed"] == list(LISTED_COLUMNS)


def test_safe_csv_starts_no_formula(service: Service) -> None:
    service.import_csv(offers(*(f"{text},-0.0,-1,EU,Acme,2025-01-01" for text in FORMULAS)))
    rows = _csv(service.http.get("/api/listings?format=csv&safe=true&sort=import_index").text)
    assert [row["model"] for row in rows] == [f"'{text}" for text in FORMULAS]
    assert {row["score"] for row in rows} == {"-1.0"}


@pytest.mark.parametrize("query", ["format=csv", "format=csv&safe=false", "format=json&safe=true"])
def test_unasked_text_comes_as_it_was_sent(service: Service, query: str) -> None:
    service.import_csv(offers("=1+1,1,1,EU,Acme,2025-01-01"))
    assert "'=" not in service.http.get(f"/api/listings?{query}").text


def test_what_goes_out_as_csv_comes_in_again(service: Service) -> None:
    rows: list[dict[str, Any]] = [
        {
            "model": f"M{number}",
            "price_usd": 1,
            "score": 1,
            "heuristics": value,
            "title": 'a "b", c\nd',
            "nvlink": True,
        }
        for number, value in enumerate(HEURISTICS)
    ]
    import_id = service.http.post_json("/api/persist/listings", rows).json["import_id"]
    service.work()
    exported = service.http.get(f"/api/listings?import_id={import_id}&format=csv").body
    again = service.import_csv(exported)
    assert again["record_count"] == len(HEURISTICS)
    assert [_said(row) for row in service.listings(f"?import_id={again['import_id']}")] == [
        _said(row) for row in service.listings(f"?import_id={import_id}")
    ]
    assert [row["heuristics"] for row in service.listings(f"?import_id={import_id}")] == HEURISTICS


def _said(row: dict[str, Any]) -> dict[str, Any]:
    """The values of the row itself."""
    return {
        name: value
        for name, value in row.items()
        if name not in ("import_id", "line", "imported_at")
    }


def test_scores_come_back_digit_for_digit(service: Service) -> None:
    service.import_csv(offers("L4,0.1,89.70154501941143,,,2025-01-01"))
    assert '"score":89.70154501941143' in service.http.get("/api/listings").text
    assert ",89.70154501941143," in service.http.get("/api/listings?format=csv").text
