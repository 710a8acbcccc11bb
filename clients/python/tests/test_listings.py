"""Reading the market: page by page, and as tables with the types of their columns."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from clients.python.tests.conftest import SAMPLES
from clients.python.tests.stubs import Scripted, Stub
from glyphd_client import Client, ImportStatus, Listings

CSV = (
    "model,price_usd,score,quantity,nvlink,seller,region,source_url,seen_at,heuristics,title\n"
    'L4,2400.5,0.12345678901234567,3,true,007,NA,https://a/1,2025-07-29T12:12:00Z,"{""a"": 1}",\n'
    'T4,1,1,,,None of us,USA,https://a/2,2025-07-29T12:12:00.123456Z,,"two lines, ""quoted"""\n'
)


@pytest.fixture(scope="module")
def imported(address: str) -> ImportStatus:
    with Client(address) as client:
        client.push(SAMPLES / "scored_sample.csv").wait()
        return client.push(CSV.encode(), source="types").wait()


@pytest.fixture
def listings(client: Client, imported: ImportStatus) -> Listings:
    return client.listings(import_id=imported.import_id)


def test_listings_are_typed_rows(listings: Listings, imported: ImportStatus) -> None:
    first, second = listings
    assert (first.model, first.price_usd, first.quantity, first.nvlink) == ("L4", 2400.5, 3, True)
    assert (first.region, first.seller, first.heuristics) == ("NA", "007", {"a": 1})
    assert first.score == 0.12345678901234567
    assert first.seen_at == datetime(2025, 7, 29, 12, 12, tzinfo=UTC)
    assert (second.quantity, second.title) == (None, 'two lines, "quoted"')
    assert (second.import_id, second.source) == (imported.import_id, "types")


def test_pages_follow_the_link_to_the_end(client: Client, imported: ImportStatus) -> None:
    whole = client.listings(sort="model")
    pages = list(Listings(client._transport, whole._query, page_rows=7).pages())
    assert [len(page) for page in pages] == [7, 7, 7, 5]
    assert [row for page in pages for row in page] == list(whole)
    assert whole.count() == 26


def test_filters_are_sent_as_the_service_reads_them(client: Client, imported: ImportStatus) -> None:
    found = client.listings(
        model=["rtx_a6000", "L4"],
        min_score=0.5,
        max_price=9000,
        after=datetime(2025, 7, 1, tzinfo=UTC),
        history=True,
        seller=None,
    )
    assert {row.model for row in found} == {"RTX_A6000", "L4"}


def test_rows_can_be_fewer_columns(listings: Listings) -> None:
    assert list(listings.rows(["model", "heuristics"])) == [
        {"model": "L4", "heuristics": {"a": 1}},
        {"model": "T4", "heuristics": None},
    ]


def test_computed_columns_come_when_they_are_asked_for(
    client: Client, imported: ImportStatus
) -> None:
    found = client.listings(model="RTX_A6000", sort="price_usd")
    assert [row.price_percentile for row in found] == [None] * 3
    cheapest = next(iter(found.with_computed()))
    assert (cheapest.price_vs_median_pct, cheapest.price_percentile) == (0.0, None)
    assert cheapest.score_per_1000_usd == pytest.approx(1000 * 0.8214 / 3350)
    assert cheapest.usd_per_gb == pytest.approx(3350 / 48)
    assert (cheapest.days_listed, cheapest.lowest_price, cheapest.is_lowest) == (0, 3350.0, True)
    assert (cheapest.lowest_price_90d, cheapest.gone_at) == (3350.0, None)


def test_a_table_of_computed_columns_has_their_types(
    client: Client, imported: ImportStatus
) -> None:
    polars = pytest.importorskip("polars", reason="polars is not installed")
    schema = client.listings(model="L4").with_computed().to_polars().schema
    assert schema["days_listed"] == polars.Int64
    assert schema["is_lowest"] == polars.Boolean
    assert schema["price_percentile"] == polars.Float64


def test_how_rows_are_returned_is_not_a_filter(client: Client) -> None:
    with pytest.raises(TypeError, match="fields"):
        client.listings(fields="model")  # type: ignore[call-arg]


def test_imports_are_listed_newest_first(client: Client, imported: ImportStatus) -> None:
    assert next(client.imports(source="types")).import_id == imported.import_id
    assert all(status.status == "succeeded" for status in client.imports(status="succeeded"))


def test_a_link_to_another_host_gets_no_request(stub: Stub) -> None:
    link = {"Link": '<https://evil.example/api/imports?cursor=abc>; rel="next"'}
    stub.answer(Scripted(200, b"[]", link), Scripted(200, b"[]"))
    assert list(Client(stub.address, "secret").imports()) == []
    assert [request.target for request in stub.received] == [
        "/api/imports",
        "/api/imports?cursor=abc",
    ]


EXPECTED: list[dict[str, Any]] = [
    {
        "model": "L4",
        "score": 0.12345678901234567,
        "quantity": 3,
        "nvlink": True,
        "seller": "007",
        "region": "NA",
        "seen_at": datetime(2025, 7, 29, 12, 12, tzinfo=UTC),
        "heuristics": '{"a":1}',
        "title": None,
        "vram_gb": None,
    },
    {
        "model": "T4",
        "score": 1.0,
        "quantity": None,
        "nvlink": None,
        "seller": "None of us",
        "region": "USA",
        "seen_at": datetime(2025, 7, 29, 12, 12, 0, 123456, tzinfo=UTC),
        "heuristics": None,
        "title": 'two lines, "quoted"',
        "vram_gb": None,
    },
]
FIELDS = list(EXPECTED[0])


def test_a_pandas_frame_has_the_columns_types(listings: Listings) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = listings.to_pandas(FIELDS)
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        "model": "string",
        "score": "float64",
        "quantity": "Int64",
        "nvlink": "boolean",
        "seller": "string",
        "region": "string",
        "seen_at": "datetime64[us, UTC]",
        "heuristics": "string",
        "title": "string",
        "vram_gb": "Int64",
    }
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    assert [_without_json_spaces(row) for row in rows] == EXPECTED
    assert isinstance(frame["seen_at"][0], pandas.Timestamp)


def test_a_polars_frame_has_the_columns_types(listings: Listings) -> None:
    polars = pytest.importorskip("polars", reason="polars is not installed")
    frame = listings.to_polars(FIELDS)
    assert dict(frame.schema) == {
        "model": polars.String,
        "score": polars.Float64,
        "quantity": polars.Int64,
        "nvlink": polars.Boolean,
        "seller": polars.String,
        "region": polars.String,
        "seen_at": polars.Datetime("us", "UTC"),
        "heuristics": polars.String,
        "title": polars.String,
        "vram_gb": polars.Int64,
    }
    assert [_without_json_spaces(row) for row in frame.to_dicts()] == EXPECTED


def test_an_arrow_table_has_the_columns_types(listings: Listings) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    table = listings.to_arrow(FIELDS)
    assert [str(kind) for kind in table.schema.types] == [
        "string",
        "double",
        "int64",
        "bool",
        "string",
        "string",
        "timestamp[us, tz=UTC]",
        "string",
        "string",
        "int64",
    ]
    assert isinstance(table, pyarrow.Table)
    assert [_without_json_spaces(row) for row in table.to_pylist()] == EXPECTED


def _without_json_spaces(row: dict[str, Any]) -> dict[str, Any]:
    text = row["heuristics"]
    return row | {"heuristics": text and text.replace(" ", "")}


METHODS = {"pandas": "to_pandas", "polars": "to_polars", "pyarrow": "to_arrow"}


@pytest.mark.parametrize("package", METHODS)
def test_a_table_of_one_column_keeps_its_empty_rows(listings: Listings, package: str) -> None:
    pytest.importorskip(package, reason=f"{package} is not installed")
    for name, expected in {"quantity": [3, None], "title": [None, 'two lines, "quoted"']}.items():
        table = getattr(listings, METHODS[package])([name])
        found = table[name].to_pylist() if package == "pyarrow" else table[name].to_list()
        assert [None if str(value) in ("<NA>", "nan") else value for value in found] == expected


@pytest.mark.parametrize("package", METHODS)
def test_line_breaks_in_values_are_no_rows(stub: Stub, package: str) -> None:
    pytest.importorskip(package, reason=f"{package} is not installed")
    schema = Scripted(200, {"json_schema": {"properties": {"title": {"type": "string"}}}})
    stub.answer(schema, Scripted(200, b"title\r\n" + b'"two\nlines\r\n"\r\n' * 200_000))
    assert len(getattr(Client(stub.address).listings(), METHODS[package])()) == 200_000


@pytest.mark.parametrize("package", METHODS)
def test_an_empty_result_is_an_empty_table_with_all_types(client: Client, package: str) -> None:
    pytest.importorskip(package, reason=f"{package} is not installed")
    table = getattr(client.listings(model="nothing"), METHODS[package])()
    assert len(table) == 0
    assert "gone_at" in (table.column_names if package == "pyarrow" else table.columns)


@pytest.mark.parametrize("package", METHODS)
def test_a_package_that_is_missing_is_named(address: str, tmp_path: Path, package: str) -> None:
    script = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from glyphd_client import Client, MissingExtra\n"
        f"try: Client({address!r}).listings().{METHODS[package]}()\n"
        "except MissingExtra as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    extra = "arrow" if package == "pyarrow" else package
    assert done.stdout == f"{package} is not installed: pip install 'glyphd-client[{extra}]'\n"


def test_a_table_that_breaks_off_is_asked_for_again(stub: Stub) -> None:
    pytest.importorskip("polars", reason="polars is not installed")
    schema = Scripted(200, {"json_schema": {"properties": {"model": {"type": "string"}}}})
    cut = Scripted(200, b"model\r\nL4\r\n", {"Content-Length": "1000"})
    stub.answer(schema, cut, Scripted(200, b"model\r\nL4\r\nT4\r\n"))
    assert Client(stub.address).listings().to_polars()["model"].to_list() == ["L4", "T4"]
