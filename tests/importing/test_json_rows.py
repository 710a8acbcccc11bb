"""Rows as JSON: what is read from an object, and what a file of them may contain."""

import io
import json
from typing import Any

import pytest

from glyphd.contracts.columns import POSITION
from glyphd.contracts.findings import Findings
from glyphd.errors import UnreadableFile
from glyphd.importing.file_rows import Place, Row
from glyphd.importing.json_rows import MAX_CONFLICT, MAX_IGNORED, JsonRows, read_object
from tests.service import Service

PLACE = Place(1, 1, 0, 10)
LEAST = {"model": "A", "price_usd": 1, "score": 0.5}


def _texts(row: Row) -> dict[str, str]:
    assert row.cells is not None
    return {name: text for name, at in POSITION.items() if (text := row.cells[at])}


def _file(*rows: Any) -> JsonRows:
    return JsonRows(io.BytesIO(b"".join(json.dumps(row).encode() + b"\n" for row in rows)))


def test_values_become_the_texts_of_cells() -> None:
    row = read_object(
        PLACE,
        {"Model": " A ", "price": 1.5, "score": 1, "nvlink": True, "heuristics": [1], "region": ""},
    )
    assert _texts(row) == {
        "model": "A",
        "price_usd": "1.5",
        "score": "1",
        "nvlink": "true",
        "heuristics": "[1]",
    }
    assert row.errors == []


@pytest.mark.parametrize("given", [None, 1, "text", [LEAST]])
def test_what_is_no_object_is_no_row(given: Any) -> None:
    row = read_object(PLACE, given)
    assert (row.cells, [error.code for error in row.errors]) == (None, ["not_an_object"])


def test_the_same_column_twice_is_refused() -> None:
    row = read_object(PLACE, LEAST | {"Score": 1})
    assert (row.cells, [error.code for error in row.errors]) == (None, ["duplicate_column"])


def test_each_row_may_have_names_of_its_own() -> None:
    rows = list(_file({"model": "A", "region": "EU"}, {"canonical_model": "B", "seller": "Acme"}))
    assert [_texts(row) for row in rows] == [
        {"model": "A", "region": "EU"},
        {"model": "B", "seller": "Acme"},
    ]
    assert [row.place.row for row in rows] == [1, 2]


def test_a_place_is_exactly_the_bytes_of_its_line() -> None:
    lines = [json.dumps(LEAST | {"title": title}).encode() + b"\n" for title in ("a", "äöü", "")]
    data = b"".join(lines)
    places = [row.place for row in JsonRows(io.BytesIO(data))]
    assert [data[place.offset : place.offset + place.length] for place in places] == lines


def test_names_nobody_knows_are_told_but_for_import_id() -> None:
    rows = _file(LEAST | {"b": 1, "import_id": "x"}, LEAST | {"a": 1, "b": 2})
    list(rows)
    assert rows.ignored_columns == ["b", "a"]


UNKNOWN = {f"c{number}": 1 for number in range(MAX_IGNORED + 50)}


@pytest.mark.parametrize(
    "given", [[LEAST | {name: 1} for name in UNKNOWN], [LEAST | UNKNOWN]], ids=["rows", "one row"]
)
def test_names_nobody_knows_are_told_up_to_a_cap(given: list[dict[str, Any]]) -> None:
    rows = _file(*given)
    list(rows)
    assert len(rows.ignored_columns) == MAX_IGNORED


def test_a_monstrous_name_is_told_in_part() -> None:
    rows = _file(LEAST | {"x" * 5000: 1})
    list(rows)
    assert rows.ignored_columns == ["x" * 200]


def test_of_very_many_names_of_one_column_some_are_told() -> None:
    row = read_object(PLACE, LEAST | {"Model" + "." * count: "B" for count in range(1000)})
    assert [(error.code, len(error.message)) for error in row.errors] == [
        ("duplicate_column", MAX_CONFLICT)
    ]


def test_a_line_that_is_not_json_makes_the_file_unreadable() -> None:
    with pytest.raises(UnreadableFile) as unreadable:
        list(JsonRows(io.BytesIO(b"{}\n{\n")))
    assert unreadable.value.members == {"line": 2}


def test_what_nobody_knows_becomes_one_object_without_what_is_empty() -> None:
    given = LEAST | {
        "Note": " x ",
        "tags": [1, None],
        "b": None,
        "c": " ",
        "listing_id": "y",
        "_d": 1,
        "Extra": {"e": 2},
    }
    assert json.loads(_texts(read_object(PLACE, given))["extra"]) == {
        "Note": " x ",
        "tags": [1, None],
        "e": 2,
    }


def test_names_that_look_like_known_ones_are_found_once() -> None:
    findings = Findings()
    file = b"".join(
        json.dumps(LEAST | {name: "x"}).encode() + b"\n"
        for name in ("Sellr", "Sellr", "note", "Regoin")
    )
    list(JsonRows(io.BytesIO(file), findings))
    (warning,) = findings.warnings()
    assert (warning["code"], warning["count"], warning["first_lines"]) == (
        "nearly_known_columns",
        2,
        [1, 4],
    )
    assert "Sellr (seller), Regoin (region)" in warning["message"]


def test_a_number_beyond_any_double_does_no_harm_where_nobody_knows_the_column(
    service: Service,
) -> None:
    rows = '[{"model": "A", "price_usd": 1, "score": 0.5, "clicks": 1e999}]'
    headers = {"Content-Type": "application/json", "Prefer": "respond-async"}
    import_id = service.post("/api/persist/listings", rows, headers).json["import_id"]
    service.work()
    assert service.status(import_id)["status"] == "succeeded"
    assert [row["extra"] for row in service.listings("?fields=extra")] == [{"clicks": "Infinity"}]
