"""A CSV of listings as a table of pandas, polars or Arrow, with the types of its columns.

Inferred types would change with the rows: an empty column has none, a region `NA` is null, ids of
digits are numbers. Columns that are newer than the service's schema are inferred.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from glyphd_client.columns import Kind
from glyphd_client.errors import MissingExtra

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

TIME_FORMAT = "%Y-%m-%dT%H:%M:%S%.6fZ"


def pandas_frame(file: Path, kinds: Mapping[str, Kind]) -> pandas.DataFrame:
    """Reads times as text first: read_csv itself would guess their format."""
    with _needing("pandas"):
        import pandas

    types = {
        "text": "string",
        "json": "string",
        "time": "string",
        "integer": "Int64",
        "number": "float64",
        "boolean": "boolean",
    }
    frame = pandas.read_csv(
        file,
        dtype={name: types[kind] for name, kind in kinds.items()},
        keep_default_na=False,
        na_values=[""],
    )
    for name in _times(kinds, list(frame.columns)):
        times = pandas.to_datetime(frame[name], format="ISO8601", utc=True)
        frame[name] = times.astype("datetime64[us, UTC]")
    return frame


def polars_frame(file: Path, kinds: Mapping[str, Kind]) -> polars.DataFrame:
    with _needing("polars"):
        import polars

    types = {
        "text": polars.String,
        "json": polars.String,
        "time": polars.String,
        "integer": polars.Int64,
        "number": polars.Float64,
        "boolean": polars.Boolean,
    }
    frame = polars.read_csv(
        file,
        schema_overrides={name: types[kind] for name, kind in kinds.items()},
        null_values="",  # otherwise not where the service had to quote it
        infer_schema_length=None,
    )
    times = polars.col(_times(kinds, frame.columns)).str
    return frame.with_columns(times.to_datetime(TIME_FORMAT, time_unit="us", time_zone="UTC"))


def arrow_table(file: Path, kinds: Mapping[str, Kind]) -> pyarrow.Table:
    with _needing("pyarrow", extra="arrow"):
        import pyarrow
        from pyarrow import csv

    types = {
        "text": pyarrow.string(),
        "json": pyarrow.string(),
        "time": pyarrow.timestamp("us", "UTC"),
        "integer": pyarrow.int64(),
        "number": pyarrow.float64(),
        "boolean": pyarrow.bool_(),
    }
    return csv.read_csv(
        file,
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types={name: types[kind] for name, kind in kinds.items()},
            null_values=[""],
            strings_can_be_null=True,
        ),
    )


def _times(kinds: Mapping[str, Kind], columns: list[str]) -> list[str]:
    return [name for name in columns if kinds.get(name) == "time"]


@contextmanager
def _needing(package: str, *, extra: str | None = None) -> Iterator[None]:
    """Says how to install a package that is missing."""
    try:
        yield
    except ImportError as error:
        wanted = f"pip install 'glyphd-client[{extra or package}]'"
        raise MissingExtra(f"{package} is not installed: {wanted}") from error
