"""Writing rows as Parquet: typed columns, in row groups of bounded size."""

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, BinaryIO

from glyphd.errors import FormatNotInstalled
from glyphd.listings.column_kinds import Kind, kind_of
from glyphd.storage.result_rows import in_chunks

CONTENT_TYPE = "application/vnd.apache.parquet"
GROUP_ROWS = 100_000
GROUP_BYTES = 16 * 1024 * 1024
"""A row group ends at either limit; one group is held in memory."""


@cache
def is_installed() -> bool:
    """Whether the extra `glyphd[parquet]` is installed."""
    return find_spec("pyarrow") is not None


def require_installed() -> None:
    """Raises FormatNotInstalled."""
    if not is_installed():
        raise FormatNotInstalled(
            "Parquet needs the extra glyphd[parquet]: pip install 'glyphd[parquet]'",
            extra="parquet",
        )


def write_parquet(file: BinaryIO, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A column for each of `columns`, compressed by zstd. Times are UTC with microseconds, nested
    values JSON texts."""
    # Importing it takes a third of a second, so only requests for Parquet do it.
    arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    types = {
        Kind.TEXT: arrow.string(),
        Kind.INTEGER: arrow.int64(),
        Kind.NUMBER: arrow.float64(),
        Kind.BOOLEAN: arrow.bool_(),
        Kind.TIME: arrow.timestamp("us", tz="UTC"),
        Kind.DATE: arrow.date32(),
        Kind.JSON: arrow.string(),
    }
    schema = arrow.schema([(name, types[kind_of(name)]) for name in columns])

    def batch(chunk: Sequence[Sequence[Any]]) -> Any:
        values = zip(columns, zip(*chunk, strict=True), strict=True)
        arrays = [_array(arrow, kind_of(name), schema.field(name).type, of) for name, of in values]
        return arrow.record_batch(arrays, schema=schema)

    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for group in _groups(map(batch, in_chunks(columns, rows))):
            writer.write_table(arrow.Table.from_batches(group), row_group_size=GROUP_ROWS)


def _groups(batches: Iterable[Any]) -> Iterator[list[Any]]:
    """The batches of each row group."""
    group: list[Any] = []
    count = size = 0
    for batch in batches:
        group.append(batch)
        count, size = count + batch.num_rows, size + batch.nbytes
        if count >= GROUP_ROWS or size >= GROUP_BYTES:
            yield group
            group, count, size = [], 0, 0
    if group:
        yield group


def _array(arrow: Any, kind: Kind, arrow_type: Any, values: Sequence[Any]) -> Any:
    if kind in (Kind.TIME, Kind.DATE):
        return arrow.array(values, arrow.string()).cast(arrow_type)
    try:
        return arrow.array(values, arrow_type)
    except (arrow.ArrowTypeError, arrow.ArrowInvalid):
        if kind not in (Kind.TEXT, Kind.JSON):
            raise
    return arrow.array([_json_text(value) for value in values], arrow_type)


def _json_text(value: Any) -> str | None:
    """Stored JSON is already text, and so are most text columns."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
