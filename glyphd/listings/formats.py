"""Writing rows as JSON, CSV or NDJSON into a binary file, chunk by chunk."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, BinaryIO

from pydantic_core import to_json

CHUNK_ROWS = 500
CONTENT_TYPES = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "ndjson": "application/x-ndjson",
}
_JSON_COLUMNS = frozenset({"heuristics"})
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

Rows = Iterable[Sequence[Any]]
WriteRows = Callable[[BinaryIO, Sequence[str], Rows], None]


def write_json(file: BinaryIO, columns: Sequence[str], rows: Rows) -> None:
    """One JSON array of objects."""
    separator = b"["
    for chunk in _chunks(rows):
        objects = to_json([dict(zip(columns, row, strict=True)) for row in chunk])
        file.write(separator + objects[1:-1])
        separator = b","
    file.write(b"[]" if separator == b"[" else b"]")


def write_ndjson(file: BinaryIO, columns: Sequence[str], rows: Rows) -> None:
    """One JSON object a line."""
    for chunk in _chunks(rows):
        lines = (to_json(dict(zip(columns, row, strict=True))) + b"\n" for row in chunk)
        file.writelines(lines)


def write_csv(file: BinaryIO, columns: Sequence[str], rows: Rows) -> None:
    """A header and a record a row, lines ending in CRLF as RFC 4180 has it; null is an empty cell."""
    _write_csv(file, columns, rows, _plain)


def write_safe_csv(file: BinaryIO, columns: Sequence[str], rows: Rows) -> None:
    """CSV in which no text starts a formula: an apostrophe is put in front of it."""
    _write_csv(file, columns, rows, _guarded)


WRITERS: dict[str, WriteRows] = {"json": write_json, "csv": write_csv, "ndjson": write_ndjson}


def _write_csv(file: BinaryIO, columns: Sequence[str], rows: Rows, cell: Callable[[Any], Any]) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=False)
    writer = csv.writer(text)
    writer.writerow(columns)
    as_json = [name in _JSON_COLUMNS for name in columns]
    for chunk in _chunks(rows):
        texts = (map(_text, row, as_json) for row in chunk)
        writer.writerows([[cell(value) for value in row] for row in texts])
    text.detach()


def _text(value: Any, as_json: bool) -> Any:
    """What csv writes: floats by `repr`, so they keep every digit; booleans and JSON as JSON has them."""
    if isinstance(value, bool | dict | list) or (as_json and value is not None):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return value


def _plain(value: Any) -> Any:
    return value


def _guarded(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_STARTS) else value


def _chunks(rows: Rows) -> Iterator[list[Sequence[Any]]]:
    remaining = iter(rows)
    while chunk := list(islice(remaining, CHUNK_ROWS)):
        yield chunk
