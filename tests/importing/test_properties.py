"""What is imported is returned unchanged, and no bytes break the service."""

import gzip
import io
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from glyphd.contracts.columns import COLUMN_NAMES
from glyphd.errors import UnreadableFile
from glyphd.importing.csv_rows import CsvRows
from glyphd.importing.file_rows import Row
from glyphd.importing.layouts import Layout
from glyphd.importing.lines import PhysicalLines
from tests.examples import examples
from tests.importing.generated import (
    Dialect,
    GivenRow,
    as_csv,
    as_json,
    as_returned,
    dialects,
    given_rows,
)
from tests.service import Service, open_service, settings_in

FRESH = (f"region {number}" for number in count())
"""Each example has its own region, which is part of a listing's identity, so that examples do not
interfere."""

HEADER = b"model,price_usd,score\n"
MESSES = st.binary(max_size=200) | st.lists(
    st.sampled_from(
        [
            b"A,1,0.5\n",
            b'"',
            b'"A',
            b",",
            b"\n",
            b"\r",
            b"\r\n",
            b"\0",
            b"\xff",
            b"\xef\xbb\xbf",
            b"1e999",
            "é".encode(),
        ]
    ),
    max_size=15,
).map(b"".join)
FILES = st.builds(bytes.__add__, st.sampled_from([HEADER, HEADER + b"A,1,0.5\n", b""]), MESSES)

few = examples(8)
many = examples(100)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, initialised_folder: Path) -> Service:
    """One service for all examples."""
    folder = tmp_path_factory.mktemp("properties") / "data"
    shutil.copytree(initialised_folder, folder)
    return open_service(settings_in(folder))


@given(st.lists(given_rows(), min_size=1, max_size=6), dialects())
@few
def test_what_goes_in_comes_out(service: Service, rows: list[GivenRow], dialect: Dialect) -> None:
    written = as_csv(rows, dialect)
    status = service.import_csv(written.data)
    assert (status["status"], status["errors"], status["delimiter"]) == (
        "succeeded",
        [],
        _name(dialect.delimiter),
    )
    found = service.listings(f"?import_id={status['import_id']}")
    assert _texts(found, COLUMN_NAMES) == _texts([as_returned(row) for row in rows], COLUMN_NAMES)
    assert [row["line"] for row in found] == written.lines


@given(st.lists(given_rows(), min_size=1, max_size=4), dialects())
@few
def test_rows_as_json_and_as_csv_are_equal_listings(
    service: Service, rows: list[GivenRow], dialect: Dialect
) -> None:
    answer = service.post(
        "/api/persist/listings",
        as_json(rows),
        {"Content-Type": "application/json", "Prefer": "respond-async"},
    )
    service.work()
    as_sent = (
        answer.json["import_id"],
        service.import_csv(as_csv(rows, dialect).data)["import_id"],
    )
    columns = (*COLUMN_NAMES, "listing_id", "import_index")
    from_json, from_csv = (
        _texts(service.listings(f"?import_id={import_id}"), columns) for import_id in as_sent
    )
    assert from_json == from_csv


@given(FILES, st.sampled_from(["abort", "skip"]), st.sampled_from(["plain", "packed", "cut"]))
@examples(20)
@example(HEADER + b"A,1,0.5\n", "abort", "plain")
def test_any_bytes_are_refused_fail_or_succeed(
    service: Service, data: bytes, on_error: str, form: str
) -> None:
    body: Any = (
        data if form == "plain" else gzip.compress(data, mtime=0)[: -9 if form == "cut" else None]
    )
    headers = {"Content-Type": "text/csv"} | (
        {} if form == "plain" else {"Content-Encoding": "gzip"}
    )
    answer = service.http.post(
        f"/api/import?on_error={on_error}", body, headers=headers, status="*"
    )
    if answer.status_code != 202:
        assert (answer.status_code, answer.json["code"]) == (422, "file_refused")
        return
    service.work()
    status = service.status(answer.json["import_id"])
    if status["status"] == "failed":
        assert status["error"]["code"] in {"invalid_rows", "unreadable_file"}
    else:
        assert status["status"] == "succeeded"
        assert status["rows_read"] - status["record_count"] == len(
            {error["row"] for error in status["errors"]}
        )
    assert len(service.listings(f"?import_id={status['import_id']}")) == status["record_count"]


@given(FILES)
@many
def test_any_bytes_are_rows_that_follow_each_other(data: bytes) -> None:
    end = 0
    for number, row in enumerate(_readable(data), start=1):
        assert row.place.row == number
        assert end <= row.place.offset < row.place.offset + row.place.length <= len(data)
        assert data[: row.place.offset].count(b"\n") == row.place.line - 1
        end = row.place.offset + row.place.length


@given(st.lists(st.sampled_from("ABC"), min_size=1, max_size=12))
@few
def test_equal_rows_are_that_many_listings_however_often_they_come(
    service: Service, models: list[str]
) -> None:
    region = next(FRESH)
    file = "model,price_usd,score,region\n" + "".join(
        f"{model},1,0.5,{region}\n" for model in models
    )
    seen = []
    for _ in range(2):
        import_id = service.import_csv(file)["import_id"]
        current = service.listings(f"?region={region}")
        assert Counter(row["model"] for row in current) == Counter(models)
        assert {row["import_id"] for row in current} == {import_id}
        seen.append({row["listing_id"] for row in current})
    assert seen[0] == seen[1]


@dataclass(frozen=True, order=True)
class Seen:
    """One observation. A later one is greater; on the same day that of the later import."""

    day: int
    import_number: int
    price: float


IMPORTS = st.lists(
    st.lists(
        st.tuples(st.sampled_from(["x", "y", "z"]), st.integers(1, 5)),
        min_size=1,
        max_size=3,
        unique_by=lambda row: row[0],
    ),
    min_size=1,
    max_size=4,
)
"""A file lists each seller once; `tests/history/test_offers.py` tests several offers of one
identity."""


@given(IMPORTS)
@few
@example([[("x", 2), ("y", 3)], [("x", 3)], [("x", 1), ("y", 1), ("z", 4)]])
def test_current_is_the_latest_observation_of_each_listing(
    service: Service, imports: list[list[tuple[str, int]]]
) -> None:
    region, prices = next(FRESH), count(1)
    events: dict[str, list[Seen]] = {}
    for number, rows in enumerate(imports):
        lines = ["model,price_usd,score,region,seller,seen_at"]
        for seller, day in rows:
            price = next(prices)
            events.setdefault(seller, []).append(Seen(day, number, price))
            lines.append(f"A,{price},0.5,{region},{seller},2025-07-0{day}")
        service.import_csv("\n".join(lines))
        latest = {max(seen).price: _day(min(seen).day) for seen in events.values()}
        found = {
            row["price_usd"]: row["first_seen_at"] for row in service.listings(f"?region={region}")
        }
        assert found == latest


def _day(day: int) -> str:
    return f"2025-07-0{day}T00:00:00.000000Z"


def _name(delimiter: str) -> str:
    return "tab" if delimiter == "\t" else delimiter


def _texts(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> list[list[str]]:
    """The values as JSON: exactly equal, and 1 is neither true nor 1.0."""
    return [[json.dumps(row[name]) for name in columns] for row in rows]


def _readable(data: bytes) -> Iterator[Row]:
    """The rows up to where the file can't be read further."""
    with suppress(UnreadableFile):
        yield from CsvRows(
            PhysicalLines(io.BytesIO(data), encoding="utf-8", max_bytes=1024),
            Layout(","),
            max_columns=1000,
        )
