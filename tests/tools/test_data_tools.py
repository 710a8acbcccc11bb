"""pandas, polars and DuckDB read from a running service, by URL or from downloads, and get the
right types."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen, urlretrieve

import duckdb
import pandas as pd
import polars as pl
import pytest

from tests.tools.conftest import ROWS

TIMES = ["seen_at", "first_seen_at", "imported_at"]
LATEST = datetime(2025, 7, 4, 12, 59, 0, ROWS - 1, UTC)
UTC_TIME = pl.Datetime("us", "UTC")


def _is_right(rows: list[dict[str, Any]]) -> None:
    """Checks that the rows are those of the file, latest first, with their gaps."""
    assert len(rows) == ROWS
    first, second, last = rows[0], rows[1], rows[-1]
    assert (first["price_usd"], first["seller"]) == (1239.5, "Größe 239")
    assert first["score"] == pytest.approx(0.239), "pandas reads JSON to the last digit but one"
    assert (first["quantity"], first["vram_gb"], first["nvlink"]) == (239, 80, True)
    assert pd.isna(second["quantity"])
    assert pd.isna(second["nvlink"])
    assert last["title"] == 'Card, "no. 0"'


@pytest.mark.parametrize("form", ["csv", "json", "ndjson"])
def test_pandas_without_arguments(listings: str, form: str) -> None:
    if form == "csv":
        found = pd.read_csv(listings + form)
    else:
        found = pd.read_json(listings + form, lines=form == "ndjson")
    _is_right(found.to_dict("records"))


def test_pandas_with_types(listings: str) -> None:
    found = pd.read_csv(listings + "csv", parse_dates=TIMES, dtype_backend="numpy_nullable")
    _is_right(found.to_dict("records"))
    assert str(found.dtypes["quantity"]) == "Int64"
    assert str(found.dtypes["price_usd"]) == "Float64"
    assert str(found.dtypes["nvlink"]) == "boolean"
    assert found.seen_at[0] == LATEST
    assert [str(found.dtypes[name]) for name in TIMES] == ["datetime64[us, UTC]"] * 3


def test_pandas_with_parquet(listings: str) -> None:
    found = pd.read_parquet(listings + "parquet")
    _is_right(found.to_dict("records"))
    assert found.seen_at[0] == LATEST


@pytest.mark.parametrize("read", [pl.read_csv, lambda url: pl.scan_csv(url).collect()])
def test_polars_with_csv(listings: str, read: Any) -> None:
    found: pl.DataFrame = read(listings + "csv")
    _is_right(found.with_columns(pl.col("nvlink").cast(pl.Boolean)).rows(named=True))
    assert found.schema["quantity"] == pl.Int64
    assert found.schema["price_usd"] == pl.Float64


def test_polars_with_times(listings: str) -> None:
    for found in (
        pl.read_csv(listings + "csv", try_parse_dates=True),
        pl.scan_csv(listings + "csv", try_parse_dates=True).collect(),
    ):
        assert [found.schema[name] for name in TIMES] == [UTC_TIME] * 3
        assert found["seen_at"][0] == LATEST


def test_polars_with_ndjson_without_arguments(address: str) -> None:
    found = pl.read_ndjson(f"{address}/api/listings?source=samples&format=ndjson")
    assert found.height > 10
    assert found.schema["price_usd"] == pl.Float64


def test_polars_with_json(listings: str) -> None:
    lines = pl.read_ndjson(listings + "ndjson", infer_schema_length=None)
    array = pl.read_json(urlopen(listings + "json").read(), infer_schema_length=None)
    for found in (lines, array):
        _is_right(found.rows(named=True))
        assert found.schema["heuristics"] == pl.Struct({"rank": pl.Int64})
        assert found.schema["quantity"] == pl.Int64


@pytest.mark.parametrize("read", [pl.read_parquet, lambda url: pl.scan_parquet(url).collect()])
def test_polars_with_parquet(listings: str, read: Any) -> None:
    found: pl.DataFrame = read(listings + "parquet")
    _is_right(found.rows(named=True))
    assert found.schema["nvlink"] == pl.Boolean
    assert [found.schema[name] for name in (*TIMES, "gone_at")] == [UTC_TIME] * 4


@pytest.mark.parametrize("form", ["csv", "json", "ndjson", "parquet"])
def test_duckdb_with_a_download(listings: str, tmp_path: Path, form: str) -> None:
    file = tmp_path / f"listings.{form}"
    urlretrieve(listings + form, file)
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        asked = f"SELECT count(*), sum(price_usd), count(quantity), max(seen_at) FROM '{file}'"
        count, total, with_quantity, latest = database.sql(asked).fetchall()[0]
        types = dict(
            database.sql(
                f"SELECT column_name, column_type FROM (DESCRIBE FROM '{file}')"
            ).fetchall()
        )
    assert (count, total, with_quantity) == (ROWS, sum(range(ROWS)) + 1000.5 * ROWS, ROWS // 2)
    assert latest.astimezone(UTC) == LATEST
    wanted = {"quantity": "BIGINT", "price_usd": "DOUBLE", "nvlink": "BOOLEAN"}
    assert wanted.items() <= types.items()
    assert types["seen_at"] == "TIMESTAMP WITH TIME ZONE"
